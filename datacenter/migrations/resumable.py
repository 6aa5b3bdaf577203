"""Resumable: a migration that died between two statements is run again, and passes over what it had made.

MySQL ends a transaction with each change of the schema, so that a revision of several statements may be there in part: a
pod that is drained in the middle must not leave a database that no other one can finish. SQLite takes all of it back.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from alembic.ddl.impl import DefaultImpl
from alembic.ddl.mysql import MariaDBImpl, MySQLImpl
from sqlalchemy import Column, Connection, Index, Inspector, Table, inspect


class _Resumable(DefaultImpl):
    """What there is under a name was made by this revision: no two revisions give one name."""

    def create_table(self, table: Table, **options: Any) -> None:
        if not self._is_there(lambda looked: looked.has_table(table.name)):
            super().create_table(table, **options)

    def create_index(self, index: Index, **options: Any) -> None:
        assert index.table is not None
        name = index.table.name
        if not self._is_there(lambda looked: index.name in _names(looked.get_indexes(name))):
            super().create_index(index, **options)

    def add_column(self, table_name: str, column: Column[Any], **options: Any) -> None:
        if not self._is_there(lambda looked: column.name in _names(looked.get_columns(table_name))):
            super().add_column(table_name, column, **options)

    def _is_there(self, look: Callable[[Inspector], bool]) -> bool:
        """What a look at the database as it is now says; without one, when statements are only collected, nothing is there."""
        return isinstance(self.connection, Connection) and look(inspect(self.connection))


class ResumableMySQL(_Resumable, MySQLImpl):
    """Alembic takes the last class that names a dialect."""

    __dialect__ = "mysql"


class ResumableMariaDB(_Resumable, MariaDBImpl):
    """See `ResumableMySQL`."""

    __dialect__ = "mariadb"


def _names(found: Iterable[Mapping[str, Any]]) -> set[str]:
    return {each["name"] for each in found}
