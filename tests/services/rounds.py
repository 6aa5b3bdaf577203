"""What runs where on real servers: the rounds of `make test-real`, and the rounds of each file of acceptance tests.

What no server can change runs once; what a database, a broker or a storage can change runs on each that can change it.

A new file of acceptance tests is a row of `ACCEPTANCE`. A new round, be it of a browser or of faults, is a row of `ROUNDS` with the
servers that it needs: its tests are then run, timed and counted like all others. `tests/unit/services/test_rounds.py`
compares the table with the files, and a whole run of `make test-real` ends with the list of tests that no round ran, which
fails it in CI.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.ceph import CephServer
from services.hdfs import HdfsServer
from services.hive import HiveServer
from services.mariadb import MariadbServer
from services.rabbitmq import RabbitmqServer
from services.redis_server import RedisServer
from services.server import Server

DATABASE_VARIABLE = "DATACENTER_TEST_DATABASE_URL"
BROKER_VARIABLE = "DATACENTER_TEST_BROKER_URL"
CEPH_VARIABLE = "DATACENTER_TEST_CEPH_URL"
HDFS_VARIABLE = "DATACENTER_TEST_HDFS_URL"
HIVE_VARIABLE = "DATACENTER_TEST_HIVE_URL"

SERVERS: Mapping[str, type[Server]] = {
    DATABASE_VARIABLE: MariadbServer,
    BROKER_VARIABLE: RedisServer,
    CEPH_VARIABLE: CephServer,
    HDFS_VARIABLE: HdfsServer,
    HIVE_VARIABLE: HiveServer,
}
"""Every variable with the URL of a server for tests, and the server that most rounds use."""

TESTS = Path(__file__).resolve().parents[1]

EMBEDDED, RABBITMQ, REDIS, STORAGES, HIVE = "embedded", "rabbitmq", "redis", "storages", "hive"

ACCEPTANCE: Mapping[str, Sequence[str]] = {
    # The longest first, so that none of them is left over at the end with the other processes idle.
    "test_million_files.py": (RABBITMQ,),  # the driver of the database holds rows, too
    "test_rolling_restarts.py": (RABBITMQ,),
    "test_worker_ends.py": (RABBITMQ, REDIS),  # each broker loses a stopped worker in a way of its own
    "test_killed_workers.py": (RABBITMQ, REDIS),
    "test_kept_tables.py": (RABBITMQ,),  # the tables are on MariaDB
    "test_table_datasets.py": (RABBITMQ, HIVE),
    "test_hostile_archives.py": (RABBITMQ,),  # names in every encoding go into the database's columns
    "test_platform_storages.py": (STORAGES,),
    "test_storage_outage.py": (STORAGES,),
    "test_bad_starts.py": (EMBEDDED,),  # it names its own servers
    "test_health.py": (EMBEDDED, RABBITMQ, REDIS),
    "test_interface.py": (EMBEDDED,),
    "test_up.py": (EMBEDDED,),
    "test_dashboard.py": (EMBEDDED,),
    "test_links.py": (EMBEDDED,),
    "test_rolling_upgrade.py": (RABBITMQ,),
    "test_cancel_and_retry.py": (RABBITMQ, REDIS),
    "test_worker_metrics.py": (RABBITMQ,),  # the state of the ledger is SQL
    "test_broker_loss.py": (EMBEDDED, RABBITMQ, REDIS),  # only an embedded broker may be killed
    "test_bombs.py": (EMBEDDED,),
    "test_rest_life.py": (RABBITMQ, REDIS),
    "test_storage_refusals.py": (STORAGES,),
    "test_web_ends.py": (EMBEDDED,),
    "test_traces.py": (EMBEDDED,),
    "test_log_lines.py": (EMBEDDED,),
    "test_archive_tools.py": (EMBEDDED,),
    "test_registered_storages.py": (RABBITMQ,),  # two requests at once: locks
    "test_foreign_messages.py": (RABBITMQ, REDIS),  # each reads its messages in a way of its own
    "test_flower.py": (RABBITMQ, REDIS),
    "test_job_order.py": (RABBITMQ, REDIS),
    "test_grace_period.py": (RABBITMQ, REDIS),
    "test_webhooks.py": (RABBITMQ,),
    "test_cli.py": (),  # the command line knows the REST interface only: `make test` runs it
    "test_docs_examples.py": (),  # as the command line
}
"""The rounds of each file. Without a round it runs in `make test` alone, with those of its tests that are not marked `real`."""

ONLY: Mapping[tuple[str, str], Sequence[str]] = {
    (RABBITMQ, "test_health.py"): (
        "test_a_process_that_runs_is_well",
        "test_a_loop_that_stands_still_is_noticed",
        "test_a_shard_that_lasts_longer_than_a_loop_may_be_silent_is_no_death",
    ),
    (REDIS, "test_health.py"): ("test_a_process_that_runs_is_well",),
}
"""The tests of a file to which a round's servers matter, the others would give the same result."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """One run of pytest: the servers it needs, by the variable with their URL."""

    name: str
    title: str
    arguments: Sequence[str]
    servers: Mapping[str, type[Server]] = field(default_factory=dict)


def acceptance(round_name: str) -> tuple[str, ...]:
    """The acceptance tests of a round, as pytest's arguments."""
    return tuple(
        str(TESTS / "acceptance" / file) + test
        for file, rounds in ACCEPTANCE.items()
        if round_name in rounds
        for test in [f"::{name}" for name in ONLY.get((round_name, file), ())] or [""]
    )


ONLY_REAL = ("-m", "real")
"""What is not marked `real` runs on the embedded servers in `make test`."""

ON_HIVE = "test_hive or [hive"
"""As pytest's `-k`: the tests that ask Hive."""

ROUNDS = (
    Round(
        name=RABBITMQ,
        title="acceptance on MariaDB and RabbitMQ: what the database or the broker can change",
        arguments=acceptance(RABBITMQ),
        servers={DATABASE_VARIABLE: MariadbServer, BROKER_VARIABLE: RabbitmqServer},
    ),
    Round(
        name=REDIS,
        title="acceptance on MariaDB and Redis: what another broker can change",
        arguments=acceptance(REDIS),
        servers={DATABASE_VARIABLE: MariadbServer, BROKER_VARIABLE: RedisServer},
    ),
    Round(
        name=EMBEDDED,
        title="acceptance on the servers that `datacenter up` brings: what no server can change, and a broker that dies",
        arguments=(*acceptance(EMBEDDED), *ONLY_REAL),
    ),
    Round(
        name=STORAGES,
        title="jobs on every storage, on storages that refuse or die; the suites of contracts; other real programs",
        # The two long files of jobs, and many short ones beside them.
        arguments=(
            *acceptance(STORAGES),
            *(str(TESTS / folder) for folder in ("conformance", "security", "unit")),
            *ONLY_REAL,
            *("-k", f"not ({ON_HIVE})"),
        ),
        servers={
            DATABASE_VARIABLE: MariadbServer,
            BROKER_VARIABLE: RedisServer,
            CEPH_VARIABLE: CephServer,
            HDFS_VARIABLE: HdfsServer,
        },
    ),
    Round(
        name=HIVE,
        title="table suites and datasets of tables on Hive's protocol",
        arguments=(
            *acceptance(HIVE),
            *(str(TESTS / folder) for folder in ("conformance", "security")),
            *ONLY_REAL,
            *("-k", ON_HIVE),
        ),
        servers={
            DATABASE_VARIABLE: MariadbServer,
            BROKER_VARIABLE: RedisServer,
            HIVE_VARIABLE: HiveServer,
        },
    ),
)

OPTIONAL = (
    # pandas is not among the dependencies: this one is for a machine that has it.
    "tests/conformance/test_table_filesystem.py::test_a_program_that_imports_nothing_of_ours_reads_a_table",
)
"""Id prefixes of tests that need no round."""
