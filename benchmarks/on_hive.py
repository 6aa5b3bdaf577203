"""A table of Hive's protocol into Arrow, beside impyla: the same table, the same server (Spark's), one connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
from impala.dbapi import connect
from services.hive import HiveServer

from benchmarks import servers
from benchmarks.measured import Findings, compare, in_turn, timed
from benchmarks.workshop import Workshop
from storage_adapters.registry import open_tables
from storage_adapters.table_storage.contract import WHOLE_TABLE, TableName, TableStorage

ROWS = 1_000_000
"""Fewer if the arguments limit the other scenarios to fewer."""
LEAST_RATIO = 1.0
DATABASE, TABLE = "default", "photos"
CREATE = f"""
CREATE TABLE {TABLE} USING parquet AS SELECT
    id,
    concat('camera/', id % 97, '/', lpad(id, 9, '0'), '.jpg') AS path,
    if(id % 10 = 0, NULL, concat('label ', id % 50)) AS label,
    int(640 + id % 1280) AS width,
    rand(1) AS score,
    timestamp_seconds(1735689600 + id) AS taken
FROM range({{rows}})
"""


def measure(shop: Workshop) -> Findings:
    """All read the whole table into memory, impyla as lists of Python values. Raises: NotInstalled: the server is missing."""
    rows = min(ROWS, shop.million)
    with servers.started(HiveServer) as urls:
        url, _, web = urls.split()
        with _cursor(url) as cursor:
            cursor.execute(CREATE.format(rows=rows))
        server = open_tables("hive", url, {})
        pushed = open_tables("hive", url, {"staging": f"{web}/tmp/staging", "staging_user": "hdfs"})

        def from_server(_round: int) -> pa.Table:
            return _read(server, rows)

        def pushed_down(_round: int) -> pa.Table:
            return _read(pushed, rows)

        def theirs(_round: int) -> list[Any]:
            return _fetch(url, rows)

        works = (from_server, pushed_down, theirs)
        for work in works:
            work(0)  # warm up: a server in Java is slow at the first time
        *ours, peer = in_turn(shop.rounds, lambda: None, *map(timed, works))
    return Findings(
        rows=[
            compare(
                f"Hive's protocol: {rows:,} rows into Arrow, {way}",
                ours=costs,
                peer=peer,
                peer_name="impyla fetchcolumnar",
                least_ratio=LEAST_RATIO,
            )
            for way, costs in zip(("from the server", "pushed down"), ours, strict=True)
        ]
    )


def _read(tables: TableStorage, rows: int) -> pa.Table:
    table = TableName(database=DATABASE, table=TABLE)
    result = pa.Table.from_batches(tables.read_partition(table, WHOLE_TABLE))
    assert result.num_rows == rows
    return result


def _fetch(url: str, rows: int) -> list[Any]:
    with _cursor(url) as cursor:
        cursor.execute(f"SELECT * FROM {DATABASE}.{TABLE}")
        batches: list[Any] = cursor.fetchcolumnar()
    assert sum(map(len, batches)) == rows
    return batches


@contextmanager
def _cursor(url: str) -> Iterator[Any]:
    parts = urlsplit(url)
    connection = connect(
        parts.hostname, parts.port, auth_mechanism="PLAIN", user=parts.username, password="none"
    )
    cursor = connection.cursor(user=parts.username)
    try:
        yield cursor
    finally:
        cursor.close()
        connection.close()
