"""Engines: where Hive and Spark, which share a protocol, differ in syntax and types."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from storage_adapters.hive.query_rules import HIVE_SQL, SPARK_SQL
from storage_adapters.table_storage.query_scanner import Dialect

GROUP_BYTES = 8 * 1024 * 1024
"""Size of a row group that is pushed down; a reader holds a few of them at once."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One kind of server."""

    directory: str
    """The clause of `INSERT OVERWRITE DIRECTORY` for Parquet."""
    timestamp: pa.DataType
    """What the engine means by TIMESTAMP."""
    describes_queries: bool
    """Whether `DESCRIBE QUERY` gives the full types of any SELECT without running it."""
    queries: Dialect
    """What a query may hold."""
    settings: Mapping[str, str]
    """The settings of our sessions."""
    pushed_as_text: frozenset[str] = frozenset()
    """Types that are pushed down as text, because their Parquet form depends on the server's settings."""


SPARK = Engine(
    directory="USING PARQUET",
    timestamp=pa.timestamp("us", tz="UTC"),
    describes_queries=True,
    queries=SPARK_SQL,
    settings={
        "spark.sql.session.timeZone": "UTC",  # for times that are written as text
        "spark.sql.variable.substitute": "false",  # otherwise ${env:…} shows the server's environment
        "spark.sql.runSQLOnFiles": "false",  # otherwise text.`file:///etc/passwd` shows any file that the server can read
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",  # one calendar for all years
        # The metastore cannot prune partitions by a column with special characters; without this Spark fails.
        "spark.sql.hive.metastorePartitionPruningFallbackOnException": "true",
        "parquet.block.size": str(GROUP_BYTES),
    },
)

HIVE = Engine(
    directory="STORED AS PARQUET",
    timestamp=pa.timestamp("us"),
    describes_queries=False,
    queries=HIVE_SQL,
    settings={},  # a Hive with SQL standard authorization rejects settings that it does not list
    pushed_as_text=frozenset({"date", "timestamp"}),
)


def engine_of(server: str) -> Engine:
    """The engine, by the server's own name: Spark says `Spark SQL`, Hive `Apache Hive` or `Hive`."""
    return SPARK if "spark" in server.lower() else HIVE
