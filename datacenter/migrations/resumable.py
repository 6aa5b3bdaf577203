"""Resumable migrations: one that died between two statements runs again and skips what it has already made.

MySQL commits at each change of the schema, so a revision of several statements may be applied in part: a pod that is
drained in the middle must not leave a database that no other pod can finish. SQLite rolls the whole revision back.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from alembic.ddl.impl import DefaultImpl
from alembic.ddl.mysql import MariaDBImpl, MySQLImpl
from sqlalchemy import Column, Connection, Index, Inspector, Table, inspect


class _Resumable(DefaultImpl):
    """An existing name was made by this revision: no two revisions use the same name."""

    def create_table(self, table: Table, **options: Any) -> None:
        if not self._exists(lambda inspector: inspector.has_table(table.name)):
            super().create_table(table, **options)

    def create_index(self, index: Index, **options: Any) -> None:
        assert index.table is not None
        name = index.table.name
        if not self._exists(lambda inspector: index.name in _names(inspector.get_indexes(name))):
            super().create_index(index, **options)

    def add_column(self, table_name: str, column: Column[Any], **options: Any) -> None:
        if not self._exists(lambda inspector: column.name in _names(inspector.get_columns(table_name))):
            super().add_column(table_name, column, **options)

    def _exists(self, check: Callable[[Inspector], bool]) -> bool:
        """Check the database as it is now. False without a connection, when Alembic only prints the statements."""
        return isinstance(self.connection, Connection) and check(inspect(self.connection))


class ResumableMySQL(_Resumable, MySQLImpl):
    """Alembic uses the last class that names a dialect."""

    __dialect__ = "mysql"


class ResumableMariaDB(_Resumable, MariaDBImpl):
    """See `ResumableMySQL`."""

    __dialect__ = "mariadb"


def _names(items: Iterable[Mapping[str, Any]]) -> set[str]:
    return {item["name"] for item in items}
