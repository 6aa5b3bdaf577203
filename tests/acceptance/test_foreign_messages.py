"""Nothing that arrives from a broker ends a worker, stops a queue, or comes back."""

import kombu
import pytest
import redis
from support.jobs.environment import setting_of
from support.jobs.foreign_messages import entries, messages
from support.jobs.rest_jobs import eventually, start_import
from support.servers.scraping import free_ports, scrape

from datacenter.ledger.doorbell import broker_queue
from datacenter.ledger.states import JobKind
from datacenter.settings.model import BrokerSettings

pytestmark = pytest.mark.real

MESSAGES = 500
SEED = 12


@pytest.fixture(scope="module")
def port() -> int:
    return free_ports()


@pytest.fixture(scope="module")
def centre(start_centre, port):
    with start_centre({"DATACENTER__METRICS__PORT": str(port)}) as started:
        yield started


def test_five_hundred_messages_that_are_not_rings_are_dropped_and_the_same_processes_work_on(
    centre, small, port
) -> None:
    broker = setting_of(centre.pid("worker"), "URL")
    prefix = setting_of(centre.pid("worker"), "PREFIX") or BrokerSettings().prefix
    assert broker is not None
    first = start_import(centre.client, small, "before-foreign-messages")[1]
    assert centre.client.jobs.wait(first).state == "SUCCESS"
    before = (centre.pid("worker"), sorted(centre.worker_children()))

    sent = 0
    with kombu.Connection(broker) as connection, connection.channel() as channel:
        producer = kombu.Producer(channel)
        for body, options in messages(MESSAGES, SEED):
            queue = broker_queue(prefix, list(JobKind)[sent % len(JobKind)])(channel)
            producer.publish(
                body, exchange=queue.exchange, routing_key=queue.routing_key, declare=[queue], **options
            )
            sent += 1
    if broker.startswith("redis"):
        server = redis.Redis.from_url(broker.replace("redis+socket", "unix"))
        for entry in entries(MESSAGES, SEED):
            server.lpush(f"{prefix}.import", entry)
            sent += 1
        server.close()

    eventually(lambda: waiting(broker, prefix) == 0, "messages stay in the queues", seconds=120)
    jobs = [start_import(centre.client, small, f"after-foreign-messages-{number}")[1] for number in range(3)]
    assert [centre.client.jobs.wait(job).state for job in jobs] == ["SUCCESS"] * 3
    assert (centre.pid("worker"), sorted(centre.worker_children())) == before
    eventually(
        lambda: scrape(port).sum("datacenter_messages_dropped_total") >= sent * 0.8, "they are not counted"
    )
    log = (centre.home / "log" / "worker.log").read_text(encoding="utf-8", errors="replace")
    assert 1 <= log.count("messages dropped that are not rings") <= 10, "logged now and then, not each"
    assert "x" * 100 not in log


def waiting(broker: str, prefix: str) -> int:
    with kombu.Connection(broker) as connection, connection.channel() as channel:
        depths = [broker_queue(prefix, kind.value)(channel).queue_declare() for kind in JobKind]
    return sum(depth.message_count for depth in depths)
