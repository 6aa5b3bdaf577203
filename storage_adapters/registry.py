"""The registry: from a storage's kind to its adapter, imported only when it is asked for.

Two tables, because there are two contracts: `open_storage` gives a `Storage`, which holds objects, and
`open_tables` a `TableStorage`. No kind is in both, so a kind says which contract it keeps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.options import OptionValue

if TYPE_CHECKING:  # who only asks for the kinds, as the command line does, loads neither fsspec nor pyarrow
    from storage_adapters.object_storage.contract import Storage
    from storage_adapters.table_storage.contract import TableStorage


@dataclass(frozen=True, kw_only=True, slots=True)
class AdapterEntry:
    """Where an adapter lives, as `module:class`, and what to install when its module cannot be imported.

    `reach`: it has the option `reach`, see `Reach`. `create`: it has the option `create`, by which it makes its root
    directory. `keeps`: of tables, those of datasets can be kept there, too,
    in the database that `DATABASE_OPTION` names. `offered`: to whoever registers a storage.
    """

    target: str
    install: str
    reach: bool = False
    create: bool = False
    keeps: bool = False
    offered: bool = True


class Adapter(Protocol):
    """The class that a row of the table names."""

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, OptionValue]) -> "Storage":
        """Open the storage. Raises: ConfigurationInvalid."""


class TableAdapter(Protocol):
    """The class that a row of the table of table storages names."""

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, OptionValue]) -> "TableStorage":
        """Open the storage. Raises: ConfigurationInvalid."""


ADAPTERS: Mapping[str, AdapterEntry] = {
    "ceph": AdapterEntry(
        target="storage_adapters.ceph:CephStorage", install="pip install boto3 obstore s3fs", reach=True
    ),
    "cos": AdapterEntry(
        target="storage_adapters.cos:CosStorage", install="pip install boto3 obstore s3fs", reach=True
    ),
    "hdfs": AdapterEntry(
        target="storage_adapters.hdfs:HdfsStorage", install="pip install hdfs hdfs-native", create=True
    ),
    "memory": AdapterEntry(
        target="storage_adapters.memory:MemoryStorage", install="part of this package", offered=False
    ),
    "nas": AdapterEntry(
        target="storage_adapters.nas:NasStorage", install="part of this package", create=True
    ),
    "webhdfs": AdapterEntry(
        target="storage_adapters.hdfs:WebHdfsStorage",
        install="pip install hdfs hdfs-native",
        reach=True,
        create=True,
    ),
}

TABLE_ADAPTERS: Mapping[str, AdapterEntry] = {
    "hive": AdapterEntry(
        target="storage_adapters.hive:HiveStorage", install="pip install impyla", reach=True
    ),
    "mysql": AdapterEntry(
        target="storage_adapters.mysql:MysqlStorage", install="pip install pymysql", reach=True, keeps=True
    ),
}

DATABASE_OPTION = "database"
"""The option of a storage of tables that names the database in which datasets are kept."""
WITH_REACH = frozenset(kind for kind, entry in {**ADAPTERS, **TABLE_ADAPTERS}.items() if entry.reach)
WITH_CREATE = frozenset(kind for kind, entry in ADAPTERS.items() if entry.create)
KINDS = tuple(sorted(ADAPTERS))
TABLE_KINDS = tuple(sorted(TABLE_ADAPTERS))


def offered_kinds() -> list[str]:
    """The kinds of storages that people register, sorted; others are for tests."""
    return sorted(kind for kind, entry in {**ADAPTERS, **TABLE_ADAPTERS}.items() if entry.offered)


def holds_tables(kind: str) -> bool:
    """Whether storages of this kind keep the contract of tables."""
    return kind in TABLE_ADAPTERS


def keeps_tables(kind: str) -> bool:
    """Whether storages of this kind can keep tables that are made here."""
    return holds_tables(kind) and TABLE_ADAPTERS[kind].keeps


def open_storage(kind: str, url: str, options: Mapping[str, OptionValue]) -> "Storage":
    """Open the storage of this kind at the URL.

    Raises:
        ConfigurationInvalid: the kind is unknown, what it needs is not installed, or it refuses the URL or an option.
    """
    return cast("type[Adapter]", _load(kind, ADAPTERS)).from_url(url, options)


def open_tables(kind: str, url: str, options: Mapping[str, OptionValue]) -> "TableStorage":
    """Open the table storage of this kind at the URL. Raises: ConfigurationInvalid, as `open_storage`."""
    return cast("type[TableAdapter]", _load(kind, TABLE_ADAPTERS)).from_url(url, options)


def _load(kind: str, adapters: Mapping[str, AdapterEntry]) -> Any:
    entry = adapters.get(kind)
    if entry is None:
        known = ", ".join(kind for kind in sorted(adapters) if adapters[kind].offered)
        raise ConfigurationInvalid(f"Unknown storage kind {kind!r}; known are: {known}.")
    module, _, name = entry.target.partition(":")
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        raise ConfigurationInvalid(f"Storage kind {kind!r} needs {error.name}: {entry.install}.") from error
