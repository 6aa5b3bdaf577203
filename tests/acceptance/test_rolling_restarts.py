"""Workers are replaced one after the other under load: no job fails, no attempt is lost, no shard is done twice."""

import random
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import select
from support.jobs.pods import Pod, without_its_own_worker
from support.storages.slow import with_slow_storages

from datacenter.client import Client, Job, LabelFilter
from datacenter.database.engine import Database
from datacenter.ledger.models import Shard
from datacenter.ledger.states import ShardState

FILES = 240
PODS = 3
RESTARTS = 20
CLIENTS = 2
PATIENT = {
    "DATACENTER__SHARDS__FILES": "20",
    "DATACENTER__SHARDS__PART_BYTES": str(64 << 10),
    "DATACENTER__LEDGER__LEASE_SECONDS": "600",
    "DATACENTER__LEDGER__HEARTBEAT_SECONDS": "5",
}
"""Small shards; and a lease that was left behind would hold its job up until the test gives up."""
GRACES = ("30", "0.001")
"""Every other worker finishes what it holds, every other one hands it back."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "files.zip"
    chance = random.Random(3)
    with zipfile.ZipFile(path, "w") as file:
        for number in range(FILES):
            file.writestr(f"{number % 2}/{number}.bin", chance.randbytes(3_000))
    return path


class Load:
    """Clients that import, export and delete one dataset after the other until they have to stop."""

    def __init__(self, url: str, token: str, archive: Path) -> None:
        self._place = (url, token)
        self._archive = archive
        self._stop = threading.Event()
        self._numbers = count()
        self.ended: list[Job] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        with ThreadPoolExecutor(CLIENTS) as clients:
            working = [clients.submit(self._work) for _ in range(CLIENTS)]
            try:
                yield
            finally:
                self._stop.set()
        for each in working:
            each.result()

    def _work(self) -> None:
        with Client(*self._place) as client:
            while not self._stop.is_set():
                name = f"load-{next(self._numbers)}"
                dataset, job = client.datasets.create(name, {"upload": client.uploads.send(self._archive)})
                self._end(client, job)
                _, job = client.exports.create([dataset.id], labels=LabelFilter(any=("1",)))
                self._end(client, job)
                self._end(client, client.datasets.delete(dataset.id))

    def _end(self, client: Client, job: Job) -> None:
        self.ended.append(client.jobs.wait(job))


def replace(pods: list[Pod], start) -> int:
    """As a rolling update does it: the new one works before the oldest has to end; how that ended."""
    new = start()
    new.until_working(2)
    old = pods.pop(0)
    pods.append(new)
    old.send_signal()
    code = old.exit_code()
    assert "lease lost" not in old.output()
    assert "left to the sweep" not in old.output()
    return code


@pytest.mark.real
@pytest.mark.timeout(1800)
def test_rolling_restarts_under_load_lose_no_attempt_and_do_no_shard_twice(start_centre, archive, tmp_path):
    numbers = count()
    with ExitStack() as stack:
        centre = stack.enter_context(start_centre(PATIENT))
        environment = stack.enter_context(without_its_own_worker(centre.pid("worker")))

        def start() -> Pod:
            number = next(numbers)
            grace = {"DATACENTER__WORKER__GRACE_SECONDS": GRACES[number % len(GRACES)]}
            chosen = with_slow_storages({**environment, **grace}, milliseconds=10)
            pod = Pod(chosen, tmp_path / f"{number}.log", concurrency=2, module="support.storages.slow")
            stack.callback(pod.kill)
            return pod

        pods = [start() for _ in range(PODS)]
        load = Load(centre.url, centre.token, archive)
        with load.running():
            codes = [replace(pods, start) for _ in range(RESTARTS)]
        for pod in pods:
            pod.send_signal()
        codes += [pod.exit_code() for pod in pods]

        assert codes == [0] * (RESTARTS + PODS)
        assert len(load.ended) >= 3 * CLIENTS
        assert {job.state for job in load.ended} == {"SUCCESS"}
        assert {job.attempts for job in load.ended} == {0}
        database = Database(centre.database)
        with database.reading() as session:
            shards = session.execute(select(Shard.state, Shard.attempts, Shard.token)).all()
        database.close()
        assert {(state, attempts) for state, attempts, _ in shards} == {(ShardState.DONE, 0)}
        # A lease that ended without a failed attempt, without being lost and without the shard done was handed back.
        handed_back = sum(token - 1 for _, _, token in shards)
        print(f"{RESTARTS} restarts, {len(load.ended)} jobs, {len(shards)} shards, {handed_back} handed back")
        assert handed_back
