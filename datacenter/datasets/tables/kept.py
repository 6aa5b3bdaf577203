"""Kept tables: the rows of a dataset stored in pieces as a table on a storage of tables, instead of as objects."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage_adapters.table_storage.contract import TableName

FIELD = "kept_table"
"""The field of a job's payload with the table that the job writes or drops."""
PIECE_MEDIA_TYPE = "application/x-datacenter-rows"
"""In the manifest row of a piece, which is not a file."""
ATTEMPT_BITS = 20
PIECE_BITS = 20
MAX_SHARDS = 1 << (63 - ATTEMPT_BITS - PIECE_BITS)
OWN_NAME = re.compile(r"datacenter_(?:[0-9a-f]{32}_|staging_)")


@dataclass(frozen=True, kw_only=True)
class KeptTable:
    """A table that belongs to one dataset alone, with its registered storage."""

    storage: str
    name: TableName

    @classmethod
    def of_payload(cls, payload: Mapping[str, Any]) -> "KeptTable | None":
        """The kept table of a job, if it has one."""
        field = payload.get(FIELD)
        if field is None:
            return None
        return cls(storage=field["storage"], name=TableName(database=field["database"], table=field["table"]))

    @classmethod
    def named(cls, storage: str, name: str) -> "KeptTable":
        """The table with this name, as `database.table`; a kept table's own name contains no full stop."""
        database, _, table = name.rpartition(".")
        return cls(storage=storage, name=TableName(database=database, table=table))

    def to_payload(self) -> dict[str, Any]:
        """The table as a part of a job's payload."""
        place = {"storage": self.storage, "database": self.name.database, "table": self.name.table}
        return {FIELD: place}

    @property
    def write_id(self) -> str:
        """The id of the write, derived from the name, so that any job of the dataset can continue or abort the write."""
        return hashlib.sha256(str(self.name).encode()).hexdigest()[:16]

    def piece_key(self, number: int) -> str:
        """The key of a piece in the manifest."""
        return f"{self.name}/{number}"


def kept_name(dataset_id: str, job_id: str, generation: int) -> str:
    """The table of one generation of an import: no other writes it, so a late undo cannot drop another's table.

    At most 64 characters for a million generations. It contains the dataset's id, for people.
    """
    return f"datacenter_{dataset_id.replace('-', '')}_{job_id[-12:]}_{generation}"


def piece_number(shard: int, piece: int, attempt: int) -> int:
    """The number of one piece of a shard. Each attempt has its own, so that a late attempt replaces nothing."""
    if shard >= MAX_SHARDS or piece >= 1 << PIECE_BITS or attempt >= 1 << ATTEMPT_BITS:
        raise OverflowError(f"piece {piece} of attempt {attempt} at shard {shard} has no number")
    return shard << PIECE_BITS + ATTEMPT_BITS | piece << ATTEMPT_BITS | attempt


def number_of_piece(key: str) -> int:
    """The number in the key of a piece."""
    return int(key.rpartition("/")[2])


def names_own_table(text: str) -> bool:
    """Whether a table's name, or any name in a query, is that of a kept table; some servers ignore case.

    The tables of all projects share a database. A query has to spell the name of the table that it reads.
    """
    return OWN_NAME.search(unicodedata.normalize("NFKC", text).casefold()) is not None
