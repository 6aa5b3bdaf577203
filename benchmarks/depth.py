"""A long queue: the cost of one claim with 100 and with 100,000 shards in it, and the memory of ledger and scheduler."""

import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from services.mariadb import MariadbServer
from support.jobs.pods import without_its_own_worker

from benchmarks import servers
from benchmarks.measured import Row
from benchmarks.processes import cpu_seconds_of, peak_mib_of
from benchmarks.workshop import Workshop
from datacenter.cli.embedded.background import running
from datacenter.database.engine import Database
from datacenter.ledger import leases, ledger
from datacenter.ledger.leases import ShardPlan, Totals
from datacenter.ledger.states import JobKind
from datacenter.migrations import migrate
from datacenter.settings.model import DatabaseSettings

SHALLOW, DEEP, JOBS = 100, 100_000, 10_000
PROJECTS = 20
AT_ONCE = 500
CLAIMS = 300
MAX_GROWTH = 1.2
LEASE = timedelta(minutes=5)
QUEUE = JobKind.EXPORT
TURNS_SECONDS = 30.0
MAX_GROWN_MIB = 32


@dataclass(frozen=True, kw_only=True)
class Costs:
    """The medians of one claim."""

    milliseconds: float
    cpu_milliseconds: float


def rows(shop: Workshop) -> Iterator[Row]:
    """On SQLite with a running scheduler, and on MariaDB if it is installed."""
    yield from _on_sqlite(shop)
    try:
        with servers.started(MariadbServer) as url:
            yield _on_mariadb(url)
    except servers.NotInstalled as reason:
        yield Row(what="a claim on MariaDB", ours="not measured", peer_name=str(reason))


def _on_sqlite(shop: Workshop) -> Iterator[Row]:
    """A data centre without a worker: all jobs stay queued."""
    with (
        running(shop.root / "queued") as up,
        without_its_own_worker(up.processes()["worker"]),
    ):
        scheduler = up.processes()["scheduler"]
        time.sleep(TURNS_SECONDS / 2)
        empty = peak_mib_of(scheduler)
        deep = _filled(f"sqlite:///{up.home.root}/datacenter.db", JOBS, DEEP)
        busy = cpu_seconds_of([scheduler])
        time.sleep(TURNS_SECONDS)
        full, busy = peak_mib_of(scheduler), cpu_seconds_of([scheduler]) - busy
        yield Row(
            what=f"the scheduler with {JOBS:,} jobs and {DEEP:,} shards queued",
            ours=f"{full:.0f} MiB",
            peer=f"{empty:.0f} MiB",
            peer_name="nothing queued",
            goal=f"+{MAX_GROWN_MIB} MiB at most",
            met=full - empty <= MAX_GROWN_MIB,
            our_cpu=f"{busy / TURNS_SECONDS:.0%} of a core",
        )
        shallow = _filled(f"sqlite:///{shop.root}/shallow.db", 0, SHALLOW)
        yield _claims("SQLite", shallow, deep)


def _on_mariadb(url: str) -> Row:
    root = Database(DatabaseSettings(url=url))
    with root.engine.connect() as connection:
        for name in ("shallow", "deep"):
            connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    urls = [
        root.engine.url.set(database=name).render_as_string(hide_password=False)
        for name in ("shallow", "deep")
    ]
    root.close()
    return _claims("MariaDB", _filled(urls[0], 0, SHALLOW), _filled(urls[1], 0, DEEP))


def _claims(name: str, shallow: Database, deep: Database) -> Row:
    """Claims in turn, each handed back, so that both queues keep their length."""
    results: dict[Database, list[tuple[float, float]]] = {shallow: [], deep: []}
    before = _peak_mib()
    for _ in range(CLAIMS):
        for database, costs in results.items():
            costs.append(_claim(database))
    grown = _peak_mib() - before
    few, many = (_typical(costs) for costs in results.values())
    for database in results:
        database.close()
    ratio = many.milliseconds / few.milliseconds
    return Row(
        what=f"a claim with {DEEP:,} shards queued, {name}",
        ours=f"{many.milliseconds:.1f} ms, +{grown:.0f} MiB",
        peer=f"{few.milliseconds:.1f} ms",
        peer_name=f"{SHALLOW} shards",
        ratio=ratio,
        goal=f"≤ {MAX_GROWTH:.1f}×",
        met=ratio <= MAX_GROWTH,
        our_cpu=f"{many.cpu_milliseconds:.1f} ms",
        peer_cpu=f"{few.cpu_milliseconds:.1f} ms",
    )


def _filled(url: str, jobs: int, shards: int) -> Database:
    """A ledger with one job that has `shards` shards ready, and `jobs` more jobs queued."""
    settings = DatabaseSettings(url=url)
    migrate(settings)
    database = Database(settings)
    _enqueue(database, 0, 1)
    held = database.run(lambda session: leases.claim(session, QUEUE, "bench", LEASE))
    assert held is not None
    plans = [ShardPlan(spec={"part": number}) for number in range(shards)]
    totals = Totals(files=shards, size_bytes=shards)
    database.run(lambda session: leases.complete_plan(session, held, plans, totals, "working"))
    for first in range(0, jobs, AT_ONCE):
        _enqueue(database, first, min(jobs, first + AT_ONCE))
    return database


def _enqueue(database: Database, first: int, last: int) -> None:
    with database.transaction() as session:
        for number in range(first, last):
            project = f"project {number % PROJECTS}"
            ledger.enqueue(session, project_id=project, kind=QUEUE, payload={})


def _claim(database: Database) -> tuple[float, float]:
    began, busy = time.perf_counter(), time.process_time()
    held = database.run(lambda session: leases.claim(session, QUEUE, "bench", LEASE))
    cost = time.perf_counter() - began, time.process_time() - busy
    assert held is not None
    database.run(lambda session: leases.hand_back(session, held))
    return cost


def _typical(costs: list[tuple[float, float]]) -> Costs:
    walls, cpus = zip(*costs, strict=True)
    return Costs(milliseconds=1000 * median(walls), cpu_milliseconds=1000 * median(cpus))


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
