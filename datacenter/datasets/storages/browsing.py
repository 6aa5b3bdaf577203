"""Browsing: list one level of a source like a file manager, in memory that does not grow with its objects."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from datacenter.datasets.places import is_own
from datacenter.datasets.resources import Resources
from datacenter.datasets.tables.kept import names_own_table
from datacenter.errors import Conflict, Invalid, NotFound
from datacenter.storages.owners import shown_name
from storage_adapters.errors import InvalidKey, TableMissing
from storage_adapters.object_storage.contract import Storage
from storage_adapters.object_storage.keys import KEY_MAX_BYTES, check_prefix
from storage_adapters.registry import holds_tables
from storage_adapters.table_storage.contract import TableStorage

LAST = "\U0010ffff"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An object, a table, or a common prefix that ends in `/`; prefixes and tables have only a name."""

    key: str
    size_bytes: int | None = None
    modified_at: datetime | None = None

    @property
    def is_prefix(self) -> bool:
        return self.key.endswith("/")


def browse(resources: Resources, name: str, prefix: str, *, after: str | None, limit: int) -> list[Entry]:
    """At most `limit` entries whose keys begin with `prefix` and come after the key `after`, by key.

    The service's own areas and hidden ones are left out. On a storage of tables, databases are prefixes.

    Raises: NotFound (no such storage), Conflict (not a source of imports), Invalid (the prefix), StorageError.
    """
    try:
        registered = resources.storages.describe(name)
    except Invalid as error:
        raise NotFound(f"there is no storage {shown_name(name)}") from error
    if registered.role == "platform":
        raise Conflict(
            f"storage {shown_name(name)} is not a source of imports; give it the role both to browse it"
        )
    try:
        check_prefix(prefix)
    except InvalidKey as error:
        raise Invalid(f"prefix: {error.detail}", field="prefix") from error
    if holds_tables(registered.kind):
        found = _tables(resources.storages.open_tables(name), prefix)
        return list(islice((entry for entry in found if entry.key > (after or "")), limit))
    if "/" in prefix and is_own(prefix):
        raise Invalid("prefix: this area is hidden; name another prefix", field="prefix")
    return list(islice(_entries(resources.storages.open_source(name), prefix, after or ""), limit))


def _tables(tables: TableStorage, prefix: str) -> Iterator[Entry]:
    """Databases as `database/`, and tables as `database/table`, by key."""
    database, slash, _ = prefix.partition("/")
    if not slash:
        keys = (f"{each}/" for each in tables.list_databases())
        yield from (Entry(key=key) for key in sorted(keys) if key.startswith(prefix))
        return
    try:
        for info in tables.list_tables(database):
            key = f"{database}/{info.name.table}"
            if key.startswith(prefix) and not names_own_table(info.name.table):
                yield Entry(key=key)
    except TableMissing:
        return  # an unknown prefix is not an error


def _entries(storage: Storage, prefix: str, after: str) -> Iterator[Entry]:
    """Objects and prefixes of one level; after the first object of a prefix, the rest of the prefix is skipped."""
    base = len(prefix.rpartition("/")[0]) + 1 if "/" in prefix else 0
    while True:
        for found in storage.list_objects(prefix, start_after=_end_of(after)):
            after, slash, _ = found.key[base:].partition("/")
            after = found.key[:base] + after + slash
            if not is_own(after):
                yield (
                    Entry(key=after)
                    if slash
                    else Entry(key=after, size_bytes=found.size_bytes, modified_at=found.modified_at)
                )
            if slash:
                break
        else:
            return


def _end_of(after: str) -> str:
    """For a prefix, a text of at most a key's length that sorts after every key with this prefix."""
    if not after.endswith("/"):
        return after
    return after + LAST * ((KEY_MAX_BYTES - len(after.encode())) // len(LAST.encode()))
