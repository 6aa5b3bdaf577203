"""Queries: MySQL's dialect, and a query as something to select from."""

from storage_adapters.one_select import Dialect, one_select
from storage_adapters.table_source import Source

MYSQL = Dialect(
    comment=r"/\*.*?\*/ | \#[^\n]* | --(?=[\s\x00-\x20]|\Z)[^\n]*",
    refused={
        r"/\*M?!": "a comment that the server would run: /*! … */",
        r"\?": "a ?, which stands for a value that nobody gives",
    },
    forbidden={
        "INTO": "writes elsewhere than to the dataset",
        "LOAD_FILE": "reads files of the server",
        **dict.fromkeys(("GET_LOCK", "RELEASE_LOCK", "RELEASE_ALL_LOCKS"), "takes a lock"),
        "SLEEP": "waits for nothing",
        **dict.fromkeys(
            (
                *("MASTER_GTID_WAIT", "MASTER_POS_WAIT", "SOURCE_POS_WAIT"),
                *("WAIT_FOR_EXECUTED_GTID_SET", "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS"),
            ),
            "waits for another server",
        ),
        "BENCHMARK": "works for nothing",
    },
    locking={"UPDATE": "FOR", "SHARE": "FOR", "MODE": "SHARE"},
)
"""The server's own rules under our sql_mode: no ANSI_QUOTES, backslashes escape. The session is read-only besides,
and takes one statement at a time."""


def query_source(query: str) -> Source:
    """The query as a table to select from. Raises: QueryInvalid."""
    return Source(title="the query", sql=f"({one_select(query, MYSQL)}\n) AS `query`")
