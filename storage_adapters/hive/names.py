"""Names and texts: quoted for the server, whatever they hold."""

from storage_adapters.errors import NameInvalid
from storage_adapters.tables import TableName

SYSTEM_DATABASES = frozenset({"information_schema", "sys", "global_temp"})
"""Hive's own two, and Spark's place for views of a session."""


def quote_name(name: str) -> str:
    """The name between backticks.

    Raises:
        NameInvalid: it is empty, or the server could read `${…}` in it as a variable.
    """
    if not name or "${" in name or "\x00" in name:
        raise NameInvalid(f"A name is not empty and holds neither NUL nor ${{: {name[:80]!r}")
    return f"`{name.replace('`', '``')}`"


def quote_table(table: TableName) -> str:
    """Database and table, quoted. Raises: NameInvalid."""
    return f"{quote_name(table.database)}.{quote_name(table.table)}"


def text_literal(text: str) -> str:
    """The text as an expression; in hexadecimal digits, because servers differ in how they read backslashes."""
    return f"CAST(unhex('{text.encode().hex()}') AS STRING)"
