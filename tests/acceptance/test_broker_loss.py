"""The broker is a doorbell: down, wiped or full of foreign messages, every accepted job still completes, once."""

import os
import pickle
import shutil
import signal
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import kombu
import pytest
from support.jobs.environment import setting_of

from datacenter.ledger.doorbell import RING_TASK, broker_queue
from datacenter.settings.model import BrokerSettings

pytestmark = pytest.mark.real

PATIENT = {"DATACENTER__LEDGER__LEASE_SECONDS": "30"}
"""No worker dies here: one that a busy machine holds up keeps its shard."""
JOBS = 20
AT_ONCE = 50
PATIENCE_SECONDS = 30
ANSWER_SECONDS = 5
"""The longest a request may take; a client gives up much later."""


@pytest.fixture(scope="module")
def centre(start_centre):
    with start_centre(PATIENT) as started:
        yield started


@pytest.fixture
def embedded_broker(centre) -> int:
    """The process of the embedded broker; a shared broker must not be killed."""
    if "valkey" not in centre.running.processes():
        pytest.skip("the broker is a server of its own here")
    return centre.pid("valkey")


@pytest.fixture
def http(centre) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {centre.token}"}
    limits = httpx.Limits(max_connections=AT_ONCE)
    with httpx.Client(base_url=f"{centre.url}/api/v1", headers=headers, timeout=60, limits=limits) as client:
        yield client


def upload(centre, folder: Path, number: int) -> str:
    path = folder / f"{number}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{number}.txt", f"file {number}")
    return centre.client.uploads.send(path)


@contextmanager
def nothing_is_restarted(centre) -> Iterator[None]:
    """Let `up` stand still, so that what dies meanwhile stays dead until the end."""
    supervisor = _parent(centre.pid("web"))
    os.kill(supervisor, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(supervisor, signal.SIGCONT)


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_jobs_that_were_accepted_without_a_broker_complete_after_it_came_back_empty(
    centre, embedded_broker, http, tmp_path
):
    uploads = [upload(centre, tmp_path, number) for number in range(JOBS)]
    jobs = []

    with nothing_is_restarted(centre):
        os.kill(embedded_broker, signal.SIGKILL)
        for number, upload_id in enumerate(uploads):
            began = time.monotonic()
            answer = http.post("/datasets", json={"name": f"lost-{number}", "source": {"upload": upload_id}})
            assert answer.status_code == 202, answer.text
            assert time.monotonic() - began < ANSWER_SECONDS
            jobs.append(answer.json()["job"]["id"])
        assert http.get("/datasets").is_success
        shutil.rmtree(centre.home / "valkey")
        (centre.home / "valkey").mkdir()

    for job in jobs:
        ended = centre.client.jobs.wait(job)
        assert (ended.state, ended.attempts) == ("SUCCESS", 0), ended
    assert centre.pid("valkey") != embedded_broker


def test_a_broker_that_hangs_delays_no_answer(centre, embedded_broker, http, tmp_path):
    uploads = [upload(centre, tmp_path, number) for number in range(3)]
    jobs = []

    os.kill(embedded_broker, signal.SIGSTOP)
    try:
        for number, upload_id in enumerate(uploads):
            began = time.monotonic()
            answer = http.post("/datasets", json={"name": f"hung-{number}", "source": {"upload": upload_id}})
            assert answer.status_code == 202, answer.text
            assert time.monotonic() - began < ANSWER_SECONDS
            jobs.append(answer.json()["job"]["id"])
    finally:
        os.kill(embedded_broker, signal.SIGCONT)

    assert [centre.client.jobs.wait(job).state for job in jobs] == ["SUCCESS"] * len(jobs)


class Touch:
    """To unpickle it makes a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._path,)


def test_a_pickle_among_the_messages_is_refused_and_the_worker_goes_on(centre, http, tmp_path):
    worker, made = centre.pid("worker"), tmp_path / "made-by-a-message"
    body = pickle.dumps(((Touch(made),), {}, {}))
    pickle.loads(body)
    made.unlink()  # the message does what it is for, wherever it is taken
    prefix = setting_of(worker, "PREFIX") or BrokerSettings().prefix
    with kombu.Connection(setting_of(worker, "URL")) as connection, connection.channel() as channel:
        queue = broker_queue(prefix, "import")(channel)
        queue.declare()
        kombu.Producer(channel).publish(
            body,
            exchange=queue.exchange,
            routing_key=queue.routing_key,
            content_type="application/x-python-serialize",
            content_encoding="binary",
            headers={"lang": "py", "task": RING_TASK, "id": str(uuid.uuid4())},
        )
        end = time.monotonic() + PATIENCE_SECONDS
        while queue.queue_declare().message_count:
            assert time.monotonic() < end, "no worker has taken the message"
            time.sleep(0.05)

    body_of_job = {"name": "after-a-pickle", "source": {"upload": upload(centre, tmp_path, 0)}}
    job = http.post("/datasets", json=body_of_job).json()["job"]["id"]
    assert centre.client.jobs.wait(job).state == "SUCCESS"
    assert centre.pid("worker") == worker
    assert not made.exists()


def test_parallel_requests_with_one_idempotency_key_make_one_job(centre, http, tmp_path):
    body = {"name": "once", "source": {"upload": upload(centre, tmp_path, 0)}}
    together = threading.Barrier(AT_ONCE)

    def post(_: int) -> httpx.Response:
        together.wait()
        return http.post("/datasets", json=body, headers={"Idempotency-Key": "once"})

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(post, range(AT_ONCE)))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert centre.client.jobs.wait(answers[0].json()["job"]["id"]).state == "SUCCESS"
    assert [dataset.name for dataset in centre.client.datasets.list(q="once")] == ["once"]
    dataset_id = answers[0].json()["dataset"]["id"]
    assert len(list(centre.client.jobs.list(dataset=dataset_id))) == 1
