"""Idempotency keys: the response to a POST is stored in the transaction of its change, and sent again to a repeat."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, insert, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from datacenter.database.engine import is_duplicate, now
from datacenter.errors import KeyInFlight, KeyReused
from datacenter.ledger.models import IdempotencyKey

IN_FLIGHT = 0
"""The status of a key whose request has no response yet."""
ABANDONED_AFTER = timedelta(minutes=15)
"""After this time a key is free again if its process died before it responded."""


@dataclass(frozen=True, kw_only=True)
class KeyedRequest:
    """A request with an Idempotency-Key; `sha256` covers everything that determines its response."""

    project_id: str
    key: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class StoredResponse:
    """The response to an earlier request."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


def claim(session: Session, request: KeyedRequest) -> StoredResponse | None:
    """Claim the key for this request, or return the response that is stored under it.

    If two transactions claim one key at once, the second waits for the first to end. A rollback frees the key.

    Raises:
        KeyReused: the key was used for a different request.
        KeyInFlight: the request takes several transactions, and the last one is not committed yet.
    """
    time = now(session)
    row = session.get(IdempotencyKey, (request.project_id, request.key))
    if row is None:
        try:
            session.execute(insert(IdempotencyKey).values(**_row(request), created_at=time))
            return None
        except IntegrityError as error:
            if not is_duplicate(error):
                raise
            # MySQL shows only now what another transaction committed meanwhile.
            row = session.get_one(IdempotencyKey, (request.project_id, request.key))
    if row.request_sha256 != request.sha256:
        raise KeyReused(
            "Idempotency-Key: it was used for a different request; use a new key", field="Idempotency-Key"
        )
    if row.status != IN_FLIGHT:
        return StoredResponse(status=row.status, body=row.body, headers=row.headers)
    if row.created_at > time - ABANDONED_AFTER:
        raise _in_flight()
    taken_over = session.execute(
        update(IdempotencyKey)
        .where(
            IdempotencyKey.project_id == request.project_id,
            IdempotencyKey.key == request.key,
            IdempotencyKey.status == IN_FLIGHT,
            IdempotencyKey.created_at == row.created_at,
        )
        .values(created_at=time)
    )
    if cast(CursorResult[Any], taken_over).rowcount == 0:
        # Another process took over the same abandoned key first.
        raise _in_flight()
    return None


def keep(session: Session, request: KeyedRequest, answer: StoredResponse) -> None:
    """Store the response together with its change; both are committed or neither."""
    session.execute(
        update(IdempotencyKey)
        .where(IdempotencyKey.project_id == request.project_id, IdempotencyKey.key == request.key)
        .values(status=answer.status, headers=answer.headers, body=answer.body)
    )


def release(session: Session, request: KeyedRequest) -> None:
    """Free a key whose request failed after `claim` was committed."""
    session.execute(
        delete(IdempotencyKey).where(
            IdempotencyKey.project_id == request.project_id,
            IdempotencyKey.key == request.key,
            IdempotencyKey.status == IN_FLIGHT,
        )
    )


def _in_flight() -> KeyInFlight:
    return KeyInFlight(
        "Idempotency-Key: its first request is still in progress; try again in a moment",
        field="Idempotency-Key",
    )


def _row(request: KeyedRequest) -> dict[str, Any]:
    return {
        "project_id": request.project_id,
        "key": request.key,
        "request_sha256": request.sha256,
        "status": IN_FLIGHT,
        "headers": {},
        "body": None,
    }
