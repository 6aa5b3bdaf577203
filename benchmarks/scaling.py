"""More workers: the same import, export and delete by 1, 2 and 8 of them, on a storage as slow as a remote one.

The storage is a directory with a delay for every file, so that a worker is hardly ever busy: this measures how well the
ledger keeps many workers at work, not how many cores this machine has.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.jobs.pods import Pod, without_its_own_worker
from support.storages.slow import with_slow_storages

from benchmarks import depth, material
from benchmarks.centre import JobFailed
from benchmarks.exporting import every_label
from benchmarks.measured import Findings, Row
from benchmarks.processes import cpu_seconds_of
from benchmarks.workshop import Workshop
from datacenter.cli.embedded.background import running
from datacenter.client import Client, Job

FILES = 3_200
MILLISECONDS = 10
WORKERS = (1, 2, 8)
LEAST_RATIOS = {2: 1.8, 8: 5.0}
MAX_BUSY = 0.1
SETTINGS = {
    "DATACENTER__SHARDS__FILES": "100",
    "DATACENTER__SHARDS__PART_BYTES": str(256 << 10),
    "DATACENTER__LEDGER__SWEEP_SECONDS": "5",
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One job by a number of workers."""

    seconds: float
    busy: float
    """The share of a core that each worker used."""


def measure(shop: Workshop) -> Findings:
    """The jobs by 1, 2 and 8 workers; then the cost of the ledger with a long queue."""
    archive = material.even_files(shop.root / "even.zip", FILES)
    with ExitStack() as stack:
        up = stack.enter_context(running(shop.root / "scaled", settings=SETTINGS))
        client = stack.enter_context(up.client())
        environment = stack.enter_context(without_its_own_worker(up.processes()["worker"]))
        slow = with_slow_storages(environment, milliseconds=MILLISECONDS)
        runs = {count: _runs(client, archive, slow, shop.root, count) for count in WORKERS}
    return Findings(rows=[*_rows(runs), *depth.rows(shop)])


def _runs(
    client: Client, archive: Path, environment: Mapping[str, str], logs: Path, count: int
) -> dict[str, Run]:
    """Each kind of job by `count` workers."""
    with _workers(environment, logs, count) as pids:
        upload = client.uploads.send(archive)
        dataset, job = client.datasets.create(f"by {count}", {"upload": upload})
        runs = {"import": _run(client, pids, lambda: job)}
        labels = every_label(f"by {count}")
        runs["export"] = _run(client, pids, lambda: client.exports.create([dataset.id], labels=labels)[1])
        runs["delete"] = _run(client, pids, lambda: client.datasets.delete(dataset.id))
    return runs


@contextmanager
def _workers(environment: Mapping[str, str], logs: Path, count: int) -> Iterator[list[int]]:
    """The process ids of the children of `count` workers."""
    with ExitStack() as stack:
        pods = []
        for number in range(count):
            pod = Pod(environment, logs / f"worker-{count}-{number}.log", module="support.storages.slow")
            stack.callback(pod.kill)
            pods.append(pod)
        for pod in pods:
            pod.until_working()
        yield [child for pod in pods for child in pod.children()]
        for pod in pods:
            pod.send_signal()
        for pod in pods:
            pod.exit_code()


def _run(client: Client, pids: list[int], send: Callable[[], Job]) -> Run:
    began, busy = time.perf_counter(), cpu_seconds_of(pids)
    job = client.jobs.wait(send())
    wall, busy = time.perf_counter() - began, cpu_seconds_of(pids) - busy
    if not job.succeeded or job.finished_at is None:
        raise JobFailed(f"{job.kind} ended in {job.state}: {job.error}")
    seconds = (job.finished_at - job.created_at).total_seconds()
    return Run(seconds=seconds, busy=busy / wall / len(pids))


def _rows(runs: Mapping[int, Mapping[str, Run]]) -> Iterator[Row]:
    one = runs[1]
    for kind in one:
        for count, least in LEAST_RATIOS.items():
            run = runs[count][kind]
            ratio = one[kind].seconds / run.seconds
            yield Row(
                what=f"{kind} of {FILES:,} files, {count} workers",
                ours=f"{run.seconds:.2f} s",
                peer=f"{one[kind].seconds:.2f} s",
                peer_name="1 worker",
                ratio=ratio,
                goal=f"≥ {least:.1f}×",
                met=ratio >= least,
                our_cpu=f"{run.busy:.0%} of a core each",
                peer_cpu=f"{one[kind].busy:.0%}",
            )
