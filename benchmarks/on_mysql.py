"""A table of MariaDB into Arrow, beside ConnectorX with one connection and with four.

Ours is one connection of one process; an import reads the pieces of a table in as many processes as there are workers.
"""

import importlib.util
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pymysql
from services.mariadb import MariadbServer

from benchmarks import servers
from benchmarks.measured import Findings, Row, compare, in_turn, timed
from benchmarks.workshop import Workshop
from storage_adapters.registry import open_tables
from storage_adapters.table_storage.contract import WHOLE_TABLE, TableName, TableStorage

ROWS = 1_000_000
"""Fewer if the arguments limit the other scenarios to fewer."""
CONNECTIONS = (1, 4)
"""The numbers of connections of the peer."""
LEAST_RATIO = 0.8
TABLE = """
CREATE TABLE photos (
    id BIGINT PRIMARY KEY,
    path VARCHAR(64) NOT NULL,
    label VARCHAR(16),
    width INT NOT NULL,
    score DOUBLE NOT NULL,
    taken DATETIME NOT NULL
) SELECT
    seq AS id,
    CONCAT('camera/', seq MOD 97, '/', LPAD(seq, 9, '0'), '.jpg') AS path,
    IF(seq MOD 10 = 0, NULL, CONCAT('label ', seq MOD 50)) AS label,
    640 + seq MOD 1280 AS width,
    RAND(seq) AS score,
    '2025-01-01' + INTERVAL seq SECOND AS taken
FROM seq_1_to_{rows}
"""


def measure(shop: Workshop) -> Findings:
    """Both read the whole table into memory. Raises: NotInstalled: the server or ConnectorX is missing."""
    if importlib.util.find_spec("connectorx") is None:
        raise servers.NotInstalled("connectorx is not installed")
    rows = min(ROWS, shop.million)
    with servers.started(MariadbServer) as url:
        parts = urlsplit(url)
        database = parts.path.strip("/")
        _make_table(url, rows)
        tables = open_tables("mysql", f"mysql://{parts.netloc}", {})
        table = TableName(database=database, table="photos")
        results = [
            _row(shop, rows, tables, table, f"mysql://{parts.netloc}/{database}", connections)
            for connections in CONNECTIONS
        ]
    return Findings(rows=results)


def _make_table(url: str, rows: int) -> None:
    parts = urlsplit(url)
    with (
        pymysql.connect(
            host=parts.hostname,
            port=parts.port or 3306,
            user=parts.username,
            password=parts.password or "",
            database=parts.path.strip("/"),
            autocommit=True,
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(TABLE.format(rows=rows))


def _row(
    shop: Workshop, rows: int, tables: TableStorage, table: TableName, url: str, connections: int
) -> Row:
    import connectorx

    split: dict[str, Any] = {"partition_on": "id", "partition_num": connections} if connections > 1 else {}

    def ours() -> pa.Table:
        return pa.Table.from_batches(tables.read_partition(table, WHOLE_TABLE))

    def theirs() -> pa.Table:
        query = f"SELECT * FROM {table.table}"
        result: pa.Table = connectorx.read_sql(url, query, return_type="arrow", **split)
        return result

    reads, others = in_turn(shop.rounds, lambda: None, timed(_whole(ours, rows)), timed(_whole(theirs, rows)))
    return compare(
        f"MariaDB: {rows:,} rows into Arrow",
        ours=reads,
        peer=others,
        peer_name=f"connectorx.read_sql, {connections} connection{'s' if connections > 1 else ''}",
        least_ratio=LEAST_RATIO,
    )


def _whole(read: Callable[[], pa.Table], rows: int) -> Callable[[int], pa.Table]:
    def run(_round: int) -> pa.Table:
        result = read()
        assert result.num_rows == rows
        return result

    return run
