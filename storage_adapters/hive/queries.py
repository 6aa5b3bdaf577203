"""Queries: the dialect of Hive and Spark, and a query as something to select from."""

from storage_adapters.errors import QueryInvalid
from storage_adapters.one_select import Dialect, one_select
from storage_adapters.table_source import Source

_BLANK = r"(?: \s | /\*.*?\*/ | --[^\n]* )*"

HIVE_SQL = Dialect(
    comment=r"/\*.*?\*/ | --[^\n]*",
    refused={
        r"[rR](?=['\"])": "a raw string, r'…', which Hive and Spark read differently",
        # The sessions of Spark refuse it, too, if the server says that it is Spark.
        rf"\.{_BLANK}[`\"](?:[\w.+-]+:)?/": "a file in the place of a table",
        rf"(?i:USING)(?={_BLANK}['\"])": "USING with a program, which would run on the server",
    },
    forbidden={
        "INSERT": "writes elsewhere than to the dataset",
        "INTO": "writes elsewhere than to the dataset",
        **dict.fromkeys(
            ("REFLECT", "REFLECT2", "TRY_REFLECT", "JAVA_METHOD"), "runs any code that the server has"
        ),
    },
)
"""Backslashes escape, as both servers have it by default."""


def query_source(query: str) -> Source:
    """The query as a table to select from. Raises: QueryInvalid."""
    if "${" in query:
        raise QueryInvalid("The query holds ${, which the server could read as a variable.")
    return Source(title="the query", sql=f"({one_select(query, HIVE_SQL)}\n) `query`")
