"""Calls about access: who you are, tokens, projects, the audit."""

from collections.abc import Iterator
from datetime import datetime

from datacenter.client.addresses import address
from datacenter.client.calls import Calls
from datacenter.client.objects import AuditEntry, Me, Project, Token
from datacenter.client.reading import read


class Tokens:
    """The tokens of the caller's project; needs the role admin."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def create(
        self, name: str, *, role: str, operator: bool = False, expires_at: datetime | None = None
    ) -> Token:
        """A new token. Its `secret` cannot be read again."""
        body: dict[str, object] = {"name": name, "role": role, "operator": operator}
        if expires_at is not None:
            body["expires_at"] = expires_at.isoformat()
        return read(Token, self._calls.json("POST", "/tokens", body=body))

    def list(self) -> Iterator[Token]:
        """All tokens, oldest first, also the revoked ones."""
        for item in self._calls.items("/tokens"):
            yield read(Token, item)

    def revoke(self, token_id: str) -> None:
        """End a token."""
        self._calls.json("DELETE", address("tokens", token_id))


class Projects:
    """The projects of the installation; only for operators."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def create(self, name: str, *, weight: int = 1) -> Project:
        """A new project, with the first token of its administrator in `token`."""
        return read(Project, self._calls.json("POST", "/projects", body={"name": name, "weight": weight}))

    def list(self) -> Iterator[Project]:
        """All projects, oldest first."""
        for item in self._calls.items("/projects"):
            yield read(Project, item)

    def update(self, project: str, *, name: str | None = None, weight: int | None = None) -> Project:
        """Change the arguments that are given; `project` is an id or a name."""
        changes = {"name": name, "weight": weight}
        body = {field: value for field, value in changes.items() if value is not None}
        return read(Project, self._calls.json("PATCH", address("projects", project), body=body))


class Access:
    """Who sends the requests, and what was done."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def me(self) -> Me:
        """The subject of the token, its project, and what it may do."""
        return read(Me, self._calls.json("GET", "/me"))

    def audit(
        self,
        *,
        project: str | None = None,
        who: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
    ) -> Iterator[AuditEntry]:
        """Changes and refused requests, newest first: of the project for an admin, of all for an operator."""
        moment = None if since is None else since.isoformat()
        wanted = {"project": project, "who": who, "action": action, "since": moment}
        for item in self._calls.items("/audit", wanted):
            yield read(AuditEntry, item)
