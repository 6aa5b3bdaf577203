"""Idempotency keys: the answer to a POST is kept in the transaction that made its change, for whoever sends it again."""

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
"""The status of a key whose request has no answer yet."""
ABANDONED_AFTER = timedelta(minutes=15)
"""A key whose process died before it answered may be used again after this time."""


@dataclass(frozen=True, kw_only=True)
class KeyedRequest:
    """A request that came with an Idempotency-Key; `sha256` covers everything that decides its answer."""

    project_id: str
    key: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class KeptResponse:
    """What a request was answered."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


def claim(session: Session, request: KeyedRequest) -> KeptResponse | None:
    """Take the key for this request, or return the answer that was given under it before.

    Of two transactions that claim one key at once the second waits for the first to end. A rollback frees the key.

    Raises:
        KeyReused: the key came with another request.
        KeyInFlight: the request is being served in several transactions, and the last one is yet to come.
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
        raise KeyReused("Idempotency-Key: it came with another request before", field="Idempotency-Key")
    if row.status != IN_FLIGHT:
        return KeptResponse(status=row.status, body=row.body, headers=row.headers)
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
        # Somebody else saw the same abandoned key and was first.
        raise _in_flight()
    return None


def keep(session: Session, request: KeyedRequest, answer: KeptResponse) -> None:
    """Keep the answer with the change that it reports; both are committed or neither."""
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
    return KeyInFlight("Idempotency-Key: its request is being served", field="Idempotency-Key")


def _row(request: KeyedRequest) -> dict[str, Any]:
    return {
        "project_id": request.project_id,
        "key": request.key,
        "request_sha256": request.sha256,
        "status": IN_FLIGHT,
        "headers": {},
        "body": None,
    }
