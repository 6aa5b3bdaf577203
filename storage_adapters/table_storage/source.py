"""Sources: what a table storage selects from, a table or a query, and whether it is still what it was."""

from dataclasses import dataclass

import pyarrow as pa

from storage_adapters.errors import TableChanged


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What stands behind FROM, quoted; `title` is what errors call it."""

    title: str
    sql: str

    def expect(self, found: pa.Schema, wanted: pa.Schema | None) -> None:
        """Raises: TableChanged: the columns that were found are not the wanted ones, if any are wanted."""
        if wanted is not None and not found.equals(wanted):
            raise TableChanged(f"The columns of {self.title} changed while it was read.")
