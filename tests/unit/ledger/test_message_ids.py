"""Ids of messages: two processes may send and remove one message, and neither may remove another one by it."""

from sqlalchemy import delete
from support.jobs.ledger_desk import LedgerDesk

from datacenter.database.engine import now
from datacenter.ledger.models import OutboxMessage


def add_message(desk: LedgerDesk, kind: str) -> int:
    def add(session) -> int:
        message = OutboxMessage(kind=kind, queue="import", job_id="job", due_at=now(session))
        session.add(message)
        session.flush()
        return message.id

    return desk.run(add)


def test_a_message_never_gets_the_id_of_one_that_was_sent(desk: LedgerDesk) -> None:
    sent = add_message(desk, "ring")
    desk.run(lambda session: session.execute(delete(OutboxMessage)))

    assert add_message(desk, "notify") > sent
