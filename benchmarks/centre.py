"""The measured data centre: an embedded one, its client, and the cost of its jobs."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from benchmarks import processes
from benchmarks.measured import Cost
from datacenter.cli.embedded.background import Running, running
from datacenter.cli.embedded.home import Home
from datacenter.client import Client, Dataset, Job, LabelFilter

T = TypeVar("T")
QUIET_SECONDS = 1.0
IDLE_LOAD = 0.1
"""Processor seconds a second of an idle data centre: its scheduler polls about once a second."""


class JobFailed(Exception):
    """A job of the benchmark failed, so there is nothing to measure."""


@dataclass(frozen=True, kw_only=True)
class Centre:
    """A running data centre with a worker process for each core, as `datacenter up` starts it."""

    running: Running
    client: Client

    def upload(self, archive: Path) -> tuple[str, Cost]:
        """Send an archive; the upload's id and the cost."""
        return self.measured(lambda: self.client.uploads.send(archive))

    def import_upload(self, name: str, upload: str) -> tuple[Dataset, Cost]:
        """From POST to SUCCESS."""
        return self._import(name, {"upload": upload})

    def import_key(self, name: str, storage: str, key: str) -> tuple[Dataset, Cost]:
        """From POST to SUCCESS, of an archive on a storage."""
        return self._import(name, {"storage": storage, "key": key})

    def import_archive(self, name: str, archive: Path) -> Dataset:
        """Upload and import."""
        return self.import_upload(name, self.upload(archive)[0])[0]

    def export(self, dataset: Dataset, labels: LabelFilter) -> Cost:
        """From POST to SUCCESS."""
        return self._job(lambda: self.client.exports.create([dataset.id], labels=labels))[1]

    def download(self, dataset: Dataset, labels: LabelFilter, delivery: str) -> tuple[str, Cost]:
        """The link, and the cost from POST to SUCCESS."""

        def send() -> tuple[Job, Job]:
            job = self.client.downloads.of_dataset(dataset.id, labels=labels, delivery=delivery)
            return job, job

        job, cost = self._job(send)
        return self.client.downloads.of_job(self.client.jobs.get(job.id)).url or "", cost

    def delete(self, dataset: Dataset) -> tuple[float, Cost]:
        """The seconds of the request, and the cost until every file was removed."""

        def send() -> tuple[float, Job]:
            began = time.perf_counter()
            job = self.client.datasets.delete(dataset.id)
            return time.perf_counter() - began, job

        return self._job(send)

    def measured(self, work: Callable[[], T]) -> tuple[T, Cost]:
        """The result of some work with this data centre, and its cost."""
        with self._meter() as meter:
            result = work()
        return result, meter.cost()

    def wait_until_idle(self) -> None:
        """Wait until all processes are idle: work after the end of a job must not slow the next measurement."""
        while True:
            before = processes.cpu_seconds(self.running)
            time.sleep(QUIET_SECONDS)
            if processes.cpu_seconds(self.running) - before < IDLE_LOAD * QUIET_SECONDS:
                return

    def _import(self, name: str, source: Mapping[str, str]) -> tuple[Dataset, Cost]:
        dataset, cost = self._job(lambda: self.client.datasets.create(name, source))
        return self.client.datasets.get(dataset.id), cost

    def _job(self, send: Callable[[], tuple[T, Job]]) -> tuple[T, Cost]:
        with self._meter() as meter:
            sent, job = send()
            job = self.client.jobs.wait(job)
        if not job.succeeded or job.finished_at is None:
            raise JobFailed(f"{job.kind} ended in {job.state}: {job.error}")
        # The ledger's own time: its event arrives up to half a second later.
        return sent, meter.cost(until=job.finished_at.timestamp())

    @contextmanager
    def _meter(self) -> Iterator["Meter"]:
        meter = Meter(self.running)
        yield meter
        meter.stop()


class Meter:
    """Wall time, and processor time of this process and of the data centre's processes."""

    def __init__(self, measured: Running) -> None:
        self._measured = measured
        self._server = processes.cpu_seconds(measured)
        self._client = time.process_time()
        self._began = time.time()
        self._ended = self._began

    def stop(self) -> None:
        self._ended = time.time()
        self._client = time.process_time() - self._client
        self._server = processes.cpu_seconds(self._measured) - self._server

    def cost(self, until: float | None = None) -> Cost:
        """The cost until `stop`; wall time until another moment if given."""
        return Cost(
            seconds=(until or self._ended) - self._began,
            client_cpu_seconds=self._client,
            server_cpu_seconds=self._server,
        )


@contextmanager
def started(home: Path, **storages: Mapping[str, Any]) -> Iterator[Centre]:
    """A data centre with its storage in `home`; `storages` adds to its settings, or changes those of `default`."""
    if storages:
        _configure_storages(Home.at(home), storages)
    with running(home) as up, up.client() as client:
        yield Centre(running=up, client=client)


def _configure_storages(home: Home, storages: Mapping[str, Mapping[str, Any]]) -> None:
    home.prepare()
    settings = yaml.safe_load(home.config.read_text())
    for name, storage in storages.items():
        settings["storages"].setdefault(name, {}).update(storage)
    home.config.write_text(yaml.safe_dump(settings))
