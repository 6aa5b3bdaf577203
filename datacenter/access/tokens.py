"""API tokens: shown once, stored as a hash, looked up at every request so that a revoked one stops at once."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from datacenter.access.models import Project, Token
from datacenter.access.roles import Role
from datacenter.database.engine import now
from datacenter.errors import Forbidden, Invalid, NotFound, Unauthenticated

PREFIX = "dc_"
"""Lets scanners for leaked secrets recognise a token."""
USE_SECONDS = 60
"""The last use of a token is written at most this often."""
VALID: tuple[ColumnElement[bool], ...] = (
    Token.revoked_at.is_(None),
    or_(Token.expires_at.is_(None), Token.expires_at > func.database_now()),
)
"""Neither revoked nor expired, by the clock of the database."""


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who sends a request: a subject with a role in one project.

    Today every subject is a token, `token:<id>`; use cases know only the subject, so that others fit.
    """

    subject: str
    name: str
    """For people: what the token is for."""
    project_id: str
    project_name: str
    role: Role
    operator: bool = False
    expires_at: datetime | None = None


def authenticate(session: Session, secret: str) -> Principal:
    """The subject that a token identifies. The refusal is the same for an unknown, altered, expired or revoked token.

    Raises:
        Unauthenticated
    """
    query = (
        select(Token, Project.name)
        .join(Project, Project.id == Token.project_id)
        .where(Token.sha256 == _hash(secret), *VALID)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise Unauthenticated("invalid token")
    token, project_name = row
    return _principal(token, project_name)


def _principal(token: Token, project_name: str) -> Principal:
    return Principal(
        subject=f"token:{token.id}",
        name=token.name,
        project_id=token.project_id,
        project_name=project_name,
        role=role_of(token),
        operator=bool(token.operator),
        expires_at=token.expires_at,
    )


def role_of(token: Token) -> Role:
    """Its role; tokens of releases without roles could do everything in their project."""
    return Role(token.role) if token.role else Role.ADMIN


def is_valid(session: Session, principal: Principal) -> bool:
    """Whether the token of an earlier authentication is still valid."""
    query = select(Token.id).where(Token.id == token_id_of(principal), *VALID)
    return session.execute(query).first() is not None


def token_id_of(principal: Principal) -> str:
    """The id of the token that authenticated a principal."""
    return principal.subject.removeprefix("token:")


def note_use(session: Session, principal: Principal) -> None:
    """Write down that a token was used, unless this was done less than a minute ago."""
    moment = now(session)
    due = or_(Token.last_used_at.is_(None), Token.last_used_at < moment - timedelta(seconds=USE_SECONDS))
    session.execute(update(Token).where(Token.id == token_id_of(principal), due).values(last_used_at=moment))


def create_token(
    session: Session,
    project_id: str,
    name: str,
    *,
    role: Role = Role.ADMIN,
    operator: bool = False,
    expires_at: datetime | None = None,
    by: Principal | None = None,
) -> tuple[Token, str]:
    """A new token and its secret, which cannot be read again.

    `by` is the subject that asks for it; None: the operator of the database itself, who may give any right.

    Raises:
        Forbidden: `by` would give more rights than it has.
        Invalid: it would have expired already.
    """
    moment = now(session)
    if by is not None and not by.role.includes(role):
        raise Forbidden(f"role: a token with the role {by.role} cannot create one with the role {role}")
    if by is not None and operator and not by.operator:
        raise Forbidden("operator: only an operator can create a token of an operator")
    if expires_at is not None and expires_at <= moment:
        raise Invalid("expires_at: must be in the future", field="expires_at")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token(
        project_id=project_id,
        name=name,
        sha256=_hash(secret),
        role=role,
        operator=operator,
        created_by=by.name if by else None,
        created_at=moment,
        expires_at=expires_at,
    )
    session.add(token)
    session.flush()
    return token, secret


def ensure_operator(session: Session, principal: Principal) -> None:
    """Make its token that of an operator, as that of `datacenter up` is: its owner has the database itself."""
    token = session.get_one(Token, token_id_of(principal))
    token.operator = True


def list_tokens(
    session: Session, project_id: str | None = None, *, after_id: str | None = None, limit: int | None = None
) -> Sequence[tuple[Token, str]]:
    """Tokens with their project's name, oldest first: of one project, or of the whole installation."""
    query = select(Token, Project.name).join(Project, Project.id == Token.project_id).order_by(Token.id)
    if project_id is not None:
        query = query.where(Token.project_id == project_id)
    if after_id is not None:
        query = query.where(Token.id > after_id)
    if limit is not None:
        query = query.limit(limit)
    return [(token, project_name) for token, project_name in session.execute(query)]


def revoke(session: Session, token_id: str, project_id: str | None = None) -> Token:
    """End a token, of this project if one is given; revoking it again changes nothing.

    Raises:
        NotFound
    """
    token = session.get(Token, token_id)
    if token is None or project_id not in (None, token.project_id):
        raise NotFound(f"there is no token {token_id}")
    if token.revoked_at is None:
        token.revoked_at = now(session)
    return token


def _hash(secret: str) -> str:
    # A token holds 256 random bits, so a fast hash is as hard to reverse as a slow one.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
