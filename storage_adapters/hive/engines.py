"""Engines: where Hive and Spark, which answer in one protocol, have spellings and types of their own."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

GROUP_BYTES = 8 * 1024 * 1024
"""Of a row group that is pushed down: what a reader holds at once is a few of them."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One kind of server."""

    directory: str
    """How `INSERT OVERWRITE DIRECTORY` asks for Parquet."""
    timestamp: pa.DataType
    """What the engine means by TIMESTAMP."""
    describes_queries: bool
    """Whether `DESCRIBE QUERY` tells the types of any SELECT, in full and without running it."""
    settings: Mapping[str, str]
    """Of each session of ours."""
    pushed_as_text: frozenset[str] = frozenset()
    """Types whose Parquet form depends on the server's settings: they are pushed down as text."""


SPARK = Engine(
    directory="USING PARQUET",
    timestamp=pa.timestamp("us", tz="UTC"),
    describes_queries=True,
    settings={
        "spark.sql.session.timeZone": "UTC",  # in which moments are written as text
        "spark.sql.variable.substitute": "false",  # else ${env:…} shows the server's environment
        "spark.sql.runSQLOnFiles": "false",  # else text.`file:///etc/passwd` shows any file that the server can read
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",  # one calendar for all years
        # The metastore finds no partitions by a column of an odd name, and Spark gives up unless it is told.
        "spark.sql.hive.metastorePartitionPruningFallbackOnException": "true",
        "parquet.block.size": str(GROUP_BYTES),
    },
)

HIVE = Engine(
    directory="STORED AS PARQUET",
    timestamp=pa.timestamp("us"),
    describes_queries=False,
    settings={},  # a Hive with SQL's own authorization refuses sessions that set what it does not list
    pushed_as_text=frozenset({"date", "timestamp"}),
)


def engine_of(server: str) -> Engine:
    """The engine of a server by the name it gives itself: Spark says `Spark SQL`, Hive `Apache Hive` or `Hive`."""
    return SPARK if "spark" in server.lower() else HIVE
