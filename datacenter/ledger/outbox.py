"""The outbox: messages are committed with a change and sent after it, by the same process or else by the relay."""

from datetime import timedelta

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from datacenter.database.engine import Database, now
from datacenter.ledger.doorbell import Doorbell
from datacenter.ledger.models import Job, OutboxMessage
from datacenter.ledger.states import JobState

BATCH = 100
log = structlog.get_logger(__name__)


def ring_committed(database: Database, doorbell: Doorbell, job_id: str) -> None:
    """Send a job's committed rings. Never raises: the relay repeats what fails here."""
    try:
        with database.reading() as session:
            rings = list(
                session.scalars(
                    select(OutboxMessage).where(OutboxMessage.job_id == job_id, OutboxMessage.kind == "ring")
                )
            )
        _send(database, doorbell, rings)
    except Exception as error:  # noqa: BLE001 - the change is committed; a failed ring must not fail the request
        log.warning("ring left to the relay", job_id=job_id, reason=str(error))


def relay(database: Database, doorbell: Doorbell) -> int:
    """Send overdue rings; returns the number of messages sent.

    Raises:
        BrokerUnavailable: the messages stay in the outbox and are tried again.
    """
    with database.reading() as session:
        due = select(OutboxMessage).where(OutboxMessage.kind == "ring", OutboxMessage.due_at <= now(session))
        rings = list(session.scalars(due.order_by(OutboxMessage.due_at).limit(BATCH)))
    _send(database, doorbell, rings)
    return len(rings)


def _send(database: Database, doorbell: Doorbell, rings: list[OutboxMessage]) -> None:
    for message in rings:
        for _ in range(int(message.payload.get("times", 1))):
            doorbell.ring(message.queue, message.job_id)
    if rings:
        database.run(lambda session: _delete_sent(session, rings))


def _delete_sent(session: Session, rings: list[OutboxMessage]) -> None:
    session.execute(delete(OutboxMessage).where(OutboxMessage.id.in_([ring.id for ring in rings])))
    rung = {ring.job_id for ring in rings}
    waiting = (Job.id.in_(rung), Job.state == JobState.PENDING)
    session.execute(update(Job).where(*waiting).values(state=JobState.RECEIVED))


def postpone(message: OutboxMessage, session: Session) -> None:
    """Schedule the next attempt of a message, with growing pauses."""
    message.attempts += 1
    message.due_at = now(session) + timedelta(seconds=min(300, 2**message.attempts))
