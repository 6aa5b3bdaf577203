"""The real matrix: the acceptance suite on MariaDB with RabbitMQ and with Redis, on every platform storage, then every
other test marked `real`.

python -m services.run_matrix            run it; the exit code is 0 if all rounds passed
python -m services.run_matrix --serve    start all servers, print their URLs, stop at Ctrl-C
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from services.ceph import CephServer
from services.hdfs import HdfsServer
from services.hive import HiveServer
from services.mariadb import MariadbServer
from services.rabbitmq import RabbitmqServer
from services.redis_server import RedisServer
from services.server import Server, program_path

DATABASE_VARIABLE = "DATACENTER_TEST_DATABASE_URL"
BROKER_VARIABLE = "DATACENTER_TEST_BROKER_URL"
CEPH_VARIABLE = "DATACENTER_TEST_CEPH_URL"
HDFS_VARIABLE = "DATACENTER_TEST_HDFS_URL"
HIVE_VARIABLE = "DATACENTER_TEST_HIVE_URL"

TESTS = Path(__file__).resolve().parents[1]

NO_TESTS_COLLECTED = 5
PROCESSES = (os.cpu_count() or 1) * 3 // 2
"""Half as many again as there are cores: some always wait for processes that they started."""
IN_PARALLEL = ("-n", str(max(1, PROCESSES)), "--dist", "loadfile")
"""Each file has a data centre of its own, with a database, queues and directories that no other one uses."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """One run of pytest: the servers it needs, by the variable that tells the tests their URL."""

    title: str
    arguments: Sequence[str]
    servers: Mapping[str, type[Server]] = field(default_factory=dict)
    may_be_empty: bool = False


ON_STORAGES = tuple(
    str(TESTS / "acceptance" / name)
    for name in ("test_platform_storages.py", "test_storage_outage.py", "test_storage_refusals.py")
)
ON_ANOTHER_BROKER = tuple(
    str(TESTS / "acceptance" / name)
    for name in (
        "test_broker_loss.py",
        "test_cancel_and_retry.py",
        "test_flower.py",
        "test_grace_period.py",
        "test_health.py",
        "test_job_order.py",
        "test_killed_workers.py",
        "test_rest_life.py",
        "test_worker_ends.py",
    )
)
"""What could be different with another broker: all others say the same whichever rings, and one round of them is enough."""
ON_HIVE = (str(TESTS / "conformance"), str(TESTS / "acceptance" / "test_table_datasets.py"))
WHATEVER_MARK = ("-m", "real or not real")
ACCEPTANCE = (
    str(TESTS / "acceptance"),
    *(f"--ignore={path}" for path in ON_STORAGES),
    *WHATEVER_MARK,
)

ROUNDS = (
    Round(
        title="acceptance on MariaDB and RabbitMQ",
        arguments=ACCEPTANCE,
        servers={DATABASE_VARIABLE: MariadbServer, BROKER_VARIABLE: RabbitmqServer},
    ),
    Round(
        title="acceptance on MariaDB and Redis",
        arguments=(*ON_ANOTHER_BROKER, *WHATEVER_MARK),
        servers={DATABASE_VARIABLE: MariadbServer, BROKER_VARIABLE: RedisServer},
    ),
    Round(
        title="jobs on every storage, and on storages that refuse or die",
        arguments=(*ON_STORAGES, "-m", "real"),
        servers={
            DATABASE_VARIABLE: MariadbServer,
            BROKER_VARIABLE: RedisServer,
            CEPH_VARIABLE: CephServer,
            HDFS_VARIABLE: HdfsServer,
        },
    ),
    Round(
        title="unit and conformance tests that need real programs",
        arguments=(*(str(TESTS / folder) for folder in ("unit", "conformance")), "-m", "real"),
        servers={DATABASE_VARIABLE: MariadbServer, CEPH_VARIABLE: CephServer},
        may_be_empty=True,
    ),
    Round(
        title="storage suites on HDFS",
        arguments=(str(TESTS / "conformance"), "-m", "real", "-k", "hdfs"),
        servers={HDFS_VARIABLE: HdfsServer},
    ),
    Round(
        title="table suites and datasets of tables on Hive's protocol",
        arguments=(*ON_HIVE, "-m", "real", "-k", "test_hive or [hive"),
        servers={
            DATABASE_VARIABLE: MariadbServer,
            BROKER_VARIABLE: RedisServer,
            HIVE_VARIABLE: HiveServer,
        },
    ),
)


def missing_programs(servers: Mapping[str, type[Server]]) -> list[str]:
    """What is not installed of what these servers need."""
    missing = []
    for program in (program for server in servers.values() for program in server.programs):
        try:
            program_path(program)
        except FileNotFoundError:
            missing.append(program)
    return missing


@contextmanager
def running(servers: Mapping[str, type[Server]]) -> Iterator[dict[str, str]]:
    """All of the servers, each with its variable and URL; down and their directory gone afterwards."""
    # A short path, because the name of a unix socket has room for about a hundred characters.
    directory = Path(tempfile.mkdtemp(prefix="dc-"))
    try:
        with ExitStack() as stack:
            urls = {}
            for variable, server in servers.items():
                began = time.monotonic()
                urls[variable] = stack.enter_context(server(directory)).url
                print(f"{server.name} ready in {time.monotonic() - began:.1f} s", flush=True)
            yield urls
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def run_round(round_: Round) -> bool:
    """Whether the round passed. A server that is not installed skips it on a laptop and fails it in CI."""
    print(f"== {round_.title}", flush=True)
    if missing := missing_programs(round_.servers):
        print(f"{', '.join(missing)} not installed: {'failed' if in_ci() else 'skipped'}", flush=True)
        return not in_ci()
    began = time.monotonic()
    with running(round_.servers) as urls:
        code = _run_pytest(round_.arguments, {**os.environ, **urls})
    print(f"== {round_.title}: {time.monotonic() - began:.0f} s", flush=True)
    return code == 0 or (round_.may_be_empty and code == NO_TESTS_COLLECTED)


def _run_pytest(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "--durations=15", *IN_PARALLEL, *arguments]
    process = subprocess.Popen(command, cwd=TESTS.parent, env=environment)
    try:
        return process.wait()
    except BaseException:
        # An interrupt, unlike a kill, lets fixtures stop what they started.
        process.send_signal(signal.SIGINT)
        process.wait(60)
        raise


def in_ci() -> bool:
    """Whether nobody is there to read a note."""
    return os.environ.get("CI") == "true"


def serve() -> None:
    """Keep every server up for a person who runs tests by hand."""
    servers: dict[str, type[Server]] = {
        DATABASE_VARIABLE: MariadbServer,
        BROKER_VARIABLE: RedisServer,
        "RABBITMQ_URL": RabbitmqServer,
        CEPH_VARIABLE: CephServer,
        HDFS_VARIABLE: HdfsServer,
        HIVE_VARIABLE: HiveServer,
    }
    with running(servers) as urls:
        for variable, url in urls.items():
            print(f"export {variable}={shlex.quote(url)}", flush=True)
        signal.pause()


def _end(number: int, _frame: object) -> NoReturn:
    # As an exception a signal unwinds the stack, and with it the servers stop.
    raise SystemExit(128 + number)


def main() -> int:
    """Run all rounds, also after one that failed."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    if "--serve" in sys.argv[1:]:
        try:
            serve()
        except KeyboardInterrupt:
            return 0
    began = time.monotonic()
    results = {round_.title: run_round(round_) for round_ in ROUNDS}
    for title, passed in results.items():
        print(f"{'passed' if passed else 'FAILED'}: {title}")
    print(
        f"real servers: {sum(results.values())} of {len(results)} rounds passed in {time.monotonic() - began:.0f} s"
    )
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
