"""The outbox: rings go out after the commit, by the process that committed or else by the relay; none is ever the truth."""

import pytest
from sqlalchemy import update
from support.jobs.ledger_desk import LedgerDesk

from datacenter.database.engine import now
from datacenter.ledger.doorbell import BrokerUnavailable, Doorbell
from datacenter.ledger.models import OutboxMessage
from datacenter.ledger.outbox import postpone, relay, ring_committed
from datacenter.ledger.states import JobState


class Bell(Doorbell):
    """Takes rings, or fails in a way of the test's choice, after so many of them."""

    def __init__(self, fault: Exception | None = None, after: int = 0) -> None:
        self.rings: list[tuple[str, str]] = []
        self._fault, self._after = fault, after

    def ring(self, queue: str, job_id: str) -> None:
        if self._fault is not None and len(self.rings) >= self._after:
            raise self._fault
        self.rings.append((queue, job_id))


def make_due(desk: LedgerDesk) -> None:
    desk.run(lambda session: session.execute(update(OutboxMessage).values(due_at=now(session))))


def test_a_ring_goes_out_after_the_commit_and_the_job_is_received(desk: LedgerDesk) -> None:
    job_id, bell = desk.enqueue(), Bell()

    ring_committed(desk.database, bell, job_id)

    assert bell.rings == [("export", job_id)]
    assert desk.rings() == []
    assert desk.job(job_id).state == JobState.RECEIVED
    ring_committed(desk.database, bell, job_id)
    assert len(bell.rings) == 1


@pytest.mark.parametrize(
    "fault", [BrokerUnavailable("down"), ConnectionError("reset"), RuntimeError("nacked")]
)
def test_a_ring_that_fails_is_left_to_the_relay_without_an_error(desk: LedgerDesk, fault: Exception) -> None:
    job_id = desk.enqueue()

    ring_committed(desk.database, Bell(fault), job_id)

    assert len(desk.rings(job_id)) == 1
    assert desk.job(job_id).state == JobState.PENDING


def test_the_relay_leaves_fresh_messages_to_whoever_committed_them(desk: LedgerDesk) -> None:
    desk.enqueue()
    bell = Bell()

    assert relay(desk.database, bell) == 0
    assert bell.rings == []


def test_the_relay_sends_what_nobody_sent(desk: LedgerDesk) -> None:
    ids = [desk.enqueue() for _ in range(3)]
    make_due(desk)
    bell = Bell()

    assert relay(desk.database, bell) == 3

    assert bell.rings == [("export", job_id) for job_id in ids]
    assert {desk.job(job_id).state for job_id in ids} == {JobState.RECEIVED}
    assert relay(desk.database, bell) == 0


def test_a_broker_that_is_down_keeps_every_message(desk: LedgerDesk) -> None:
    for _ in range(3):
        desk.enqueue()
    make_due(desk)

    with pytest.raises(BrokerUnavailable):
        relay(desk.database, Bell(BrokerUnavailable("down"), after=1))

    assert len(desk.rings()) == 3, "one is rung for twice, which does no harm"
    bell = Bell()
    assert relay(desk.database, bell) == 3


def test_rings_for_many_shards_are_one_message_and_bounded(desk: LedgerDesk) -> None:
    job_id = desk.enqueue()
    desk.planned(desk.claim(), 1000)
    bell = Bell()

    ring_committed(desk.database, bell, job_id)

    assert len(bell.rings) == 1 + 32


def test_a_late_ring_does_not_take_a_started_job_back(desk: LedgerDesk) -> None:
    job_id = desk.enqueue()
    desk.claim()

    ring_committed(desk.database, Bell(), job_id)

    assert desk.job(job_id).state == JobState.STARTED


def test_the_end_of_a_job_is_told_to_whom_it_concerns_once(desk: LedgerDesk) -> None:
    hooks = (
        {"url": "https://a.example/", "on": ["SUCCESS"]},
        {"url": "https://b.example/", "on": ["FAILURE"]},
    )
    desk.succeeded(notify=hooks)

    messages = desk.read(
        lambda session: [row for row in session.query(OutboxMessage) if row.kind == "notify"]
    )

    assert [message.payload for message in messages] == [{"url": "https://a.example/"}]


def test_a_message_that_is_put_off_waits_longer_each_time(desk: LedgerDesk) -> None:
    desk.succeeded(notify=({"url": "https://a.example/", "on": ["SUCCESS"]},))
    pauses = []
    for _ in range(12):
        with desk.database.transaction() as session:
            message = session.query(OutboxMessage).filter_by(kind="notify").one()
            postpone(message, session)
            pauses.append(round((message.due_at - now(session)).total_seconds()))

    assert pauses == sorted(pauses)
    assert pauses[0] > 1
    assert pauses[-1] <= 300
