"""Sources: the table or query that a table storage selects from, and a check that its columns did not change."""

from dataclasses import dataclass

import pyarrow as pa

from storage_adapters.errors import TableChanged


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """The SQL that follows FROM, quoted; `title` is its name in errors."""

    title: str
    sql: str

    def expect(self, found: pa.Schema, wanted: pa.Schema | None) -> None:
        """Raises: TableChanged: the columns differ from the wanted ones, if any are given."""
        if wanted is not None and not found.equals(wanted):
            raise TableChanged(f"The columns of {self.title} changed while it was read: read it again.")
