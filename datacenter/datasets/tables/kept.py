"""Kept tables: the rows of a dataset as a table of a storage of tables, in pieces, instead of as objects."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from storage_adapters.table_storage.contract import TableName

FIELD = "kept_table"
"""Of the payload of a job: the table that it writes or drops."""
PIECE_MEDIA_TYPE = "application/x-datacenter-rows"
"""Of the manifest row of a piece, which is no file."""
ATTEMPT_BITS = 20
PIECE_BITS = 20
MAX_SHARDS = 1 << (63 - ATTEMPT_BITS - PIECE_BITS)
OWN_NAME = re.compile(r"datacenter_(?:[0-9a-f]{32}_|staging_)")


@dataclass(frozen=True, kw_only=True)
class KeptTable:
    """A table that belongs to one dataset alone, and the registered storage it is on."""

    storage: str
    name: TableName

    @classmethod
    def of_payload(cls, payload: Mapping[str, Any]) -> "KeptTable | None":
        """The table that a job is about, if it is about one."""
        found = payload.get(FIELD)
        if found is None:
            return None
        return cls(storage=found["storage"], name=TableName(database=found["database"], table=found["table"]))

    @classmethod
    def named(cls, storage: str, name: str) -> "KeptTable":
        """The table that is called so, as `database.table`; our tables' own names hold no full stop."""
        database, _, table = name.rpartition(".")
        return cls(storage=storage, name=TableName(database=database, table=table))

    def to_payload(self) -> dict[str, Any]:
        """As a part of the payload of a job."""
        place = {"storage": self.storage, "database": self.name.database, "table": self.name.table}
        return {FIELD: place}

    @property
    def write_id(self) -> str:
        """The id under which the table is written: whoever knows its name can go on with the write, or abort it."""
        return hashlib.sha256(str(self.name).encode()).hexdigest()[:16]

    def piece_key(self, number: int) -> str:
        """What the manifest calls the key of a piece."""
        return f"{self.name}/{number}"


def kept_name(dataset_id: str, job_id: str, generation: int) -> str:
    """The table of one beginning of an import: nobody else writes it, and an undo that wakes up late drops no other.

    At most 64 characters for a million beginnings. People find the dataset in it.
    """
    return f"datacenter_{dataset_id.replace('-', '')}_{job_id[-12:]}_{generation}"


def piece_number(shard: int, piece: int, attempt: int) -> int:
    """The number of one piece of a shard: every attempt has its own, so that one that wakes up late replaces nothing."""
    if shard >= MAX_SHARDS or piece >= 1 << PIECE_BITS or attempt >= 1 << ATTEMPT_BITS:
        raise OverflowError(f"piece {piece} of attempt {attempt} at shard {shard} has no number")
    return shard << PIECE_BITS + ATTEMPT_BITS | piece << ATTEMPT_BITS | attempt


def number_of_piece(key: str) -> int:
    """The number in the key of a piece."""
    return int(key.rpartition("/")[2])


def names_own_table(text: str) -> bool:
    """Whether a table's name, or any name in a query, is one of ours; some servers take capitals for small letters.

    The tables of all projects lie side by side. A query has to spell the table that it reads.
    """
    return OWN_NAME.search(unicodedata.normalize("NFKC", text).casefold()) is not None
