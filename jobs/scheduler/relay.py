"""Relay: send rings that were committed but not sent, release work that is due, and post webhooks."""

import structlog
from sqlalchemy import select

from datacenter.database.engine import now
from datacenter.datasets.job_errors import error_of
from datacenter.datasets.resources import Resources
from datacenter.ledger.doorbell import BrokerUnavailable
from datacenter.ledger.models import Job, OutboxMessage
from datacenter.ledger.outbox import postpone, relay
from datacenter.ledger.repair import BATCH, release_due
from jobs.scheduler.webhooks import post

NOTIFY_ATTEMPTS = 10
NOTIFY_BATCH = 20
log = structlog.get_logger(__name__)


def relay_once(resources: Resources) -> None:
    """Release work that is due and send the rings in the outbox; if the broker is down, the next turn tries again."""
    while resources.database.run(release_due) == BATCH:
        pass
    try:
        while relay(resources.database, resources.doorbell):
            pass
    except BrokerUnavailable as error:
        log.warning("broker unavailable", reason=error.detail)


def notify_once(resources: Resources) -> None:
    """Post ended jobs to their webhooks; one that does not answer is retried with growing pauses."""
    with resources.database.reading() as session:
        due = (OutboxMessage.kind == "notify", OutboxMessage.due_at <= now(session))
        messages = list(
            session.scalars(
                select(OutboxMessage).where(*due).order_by(OutboxMessage.due_at).limit(NOTIFY_BATCH)
            )
        )
    for message in messages:
        delivered = _deliver(resources, message)
        with resources.database.transaction() as session:
            row = session.get(OutboxMessage, message.id)
            if row is None:
                continue
            if delivered or row.attempts + 1 >= NOTIFY_ATTEMPTS:
                session.delete(row)
            else:
                postpone(row, session)


def _deliver(resources: Resources, message: OutboxMessage) -> bool:
    with resources.database.reading() as session:
        job = session.get(Job, message.job_id)
    if job is None:
        return True
    body = {"job": job.id, "kind": job.kind, "state": job.state, "error": error_of(job)}
    public_only = resources.settings.environment == "production"
    try:
        return post(message.payload["url"], body, public_only=public_only)
    except Exception as error:  # noqa: BLE001 - httpx also raises ValueErrors of its own for odd addresses
        log.warning("webhook not delivered", job_id=job.id, reason=type(error).__name__)
        return False
