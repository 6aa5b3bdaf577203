"""The audit: one row for each change, written in the transaction of the change, and one for each refused request."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from datacenter.access.models import AuditEntry, Project
from datacenter.access.tokens import Principal
from datacenter.database.engine import now

DONE = "done"
MAX_WHO, MAX_OBJECT = 128, 255
PURGE_ROWS = 10_000
"""At most so many in one transaction."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """What was done, or refused. `action` is the operation's id in the OpenAPI document, or a command."""

    action: str
    object_kind: str | None = None
    object_id: str | None = None
    result: str = DONE


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Who asks, and from where."""

    who: str
    subject: str | None = None
    project_id: str | None = None
    address: str | None = None
    request_id: str | None = None

    @classmethod
    def of(cls, principal: Principal, *, address: str | None, request_id: str | None) -> "Asker":
        """The subject of a request."""
        return cls(
            who=principal.name,
            subject=principal.subject,
            project_id=principal.project_id,
            address=address,
            request_id=request_id,
        )


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which rows to list; None: any."""

    project_id: str | None = None
    who: str | None = None
    action: str | None = None
    since: datetime | None = None


def record(session: Session, asker: Asker, act: Act) -> None:
    """Add a row. It becomes visible with the session's transaction, and only with it."""
    session.add(
        AuditEntry(
            at=now(session),
            project_id=asker.project_id,
            subject=asker.subject,
            who=asker.who[:MAX_WHO],
            address=asker.address,
            action=act.action,
            object_kind=act.object_kind,
            object_id=act.object_id[:MAX_OBJECT] if act.object_id else None,
            result=act.result,
            request_id=asker.request_id,
        )
    )


def list_entries(
    session: Session, wanted: Wanted, *, before_id: str | None = None, limit: int
) -> Sequence[tuple[AuditEntry, str | None]]:
    """Rows with their project's name, newest first, older than `before_id`."""
    query = select(AuditEntry, Project.name).outerjoin(Project, Project.id == AuditEntry.project_id)
    if wanted.project_id is not None:
        query = query.where(AuditEntry.project_id == wanted.project_id)
    if wanted.who is not None:
        query = query.where(AuditEntry.who == wanted.who)
    if wanted.action is not None:
        query = query.where(AuditEntry.action == wanted.action)
    if wanted.since is not None:
        query = query.where(AuditEntry.at >= wanted.since)
    if before_id is not None:
        query = query.where(AuditEntry.id < before_id)
    rows = session.execute(query.order_by(AuditEntry.id.desc()).limit(limit))
    return [(entry, project) for entry, project in rows]


def purge_audit(session: Session, keep_seconds: float) -> None:
    """Remove rows that are older; some at a time, so that a long table is not locked."""
    before = now(session) - timedelta(seconds=keep_seconds)
    old = session.scalars(select(AuditEntry.id).where(AuditEntry.at < before).limit(PURGE_ROWS)).all()
    session.execute(delete(AuditEntry).where(AuditEntry.id.in_(old)))
