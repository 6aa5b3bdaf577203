"""Names: of databases, tables and columns, quoted for the server."""

from storage_adapters.errors import NameInvalid
from storage_adapters.tables import TableName

STAGING_PREFIX = "datacenter_staging_"
"""How tables begin that are not published yet; they are never listed."""

SYSTEM_DATABASES = frozenset({"information_schema", "mysql", "performance_schema", "sys"})

_MAX_CHARACTERS = 64


def quote_name(name: str) -> str:
    """The name between backticks, whatever it holds.

    Raises:
        NameInvalid: the server cannot have it.
    Source: MySQL and MariaDB take 1 to 64 characters of U+0001 to U+FFFF, the last one not a space.
    """
    if not 1 <= len(name) <= _MAX_CHARACTERS:
        raise NameInvalid(f"A name has 1 to {_MAX_CHARACTERS} characters: {name[:80]!r}")
    if name.endswith(" ") or any(not 0 < ord(character) <= 0xFFFF for character in name):
        raise NameInvalid(f"A name has no NUL, no emoji and no space at its end: {name!r}")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in name):
        raise NameInvalid(f"A name is valid Unicode: {name!r}")
    return f"`{name.replace('`', '``')}`"


def quote_table(table: TableName) -> str:
    """Database and table, quoted. Raises: NameInvalid."""
    return f"{quote_name(table.database)}.{quote_name(table.table)}"
