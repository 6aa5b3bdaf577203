"""The registry: from a storage's kind to its adapter, imported only when it is asked for.

There are two contracts, and a kind keeps one of them: `open_storage` gives a `Storage`, which holds objects, and
`open_tables` a `TableStorage`.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.options import OptionValue
from storage_adapters.places import (
    CanonicalPlace,
    PlaceRule,
    bucket_places,
    directory_places,
    hdfs_places,
    hive_places,
    mysql_places,
)

if TYPE_CHECKING:  # to ask for the kinds, as the command line does, loads neither fsspec nor pyarrow
    from storage_adapters.object_storage.contract import Storage
    from storage_adapters.table_storage.contract import TableStorage

Contract = Literal["objects", "tables"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AdapterEntry:
    """Where an adapter lives, as `module:class`, and what to install when its module cannot be imported.

    `places`: where a storage with a given URL and options is, in the form in which places are compared.
    `contract`: which one it keeps, that of objects or that of tables. `reach`: it has the option `reach`, see `Reach`.
    `create`: it has the option `create`, by which it makes its root directory. `keeps`: of tables, those of datasets can
    be kept there, too, in the database that `DATABASE_OPTION` names. `local`: its places are directories of this
    machine; it has the option `follow_root` and fulfils `LocalStorage`. `identity`: options that say as whom, or by which
    servers, it is opened. `staging`: it has the option `staging`, the URL of another storage, whose own options begin with
    `staging_`.
    """

    target: str
    install: str
    places: PlaceRule
    contract: Contract = "objects"
    reach: bool = False
    create: bool = False
    keeps: bool = False
    local: bool = False
    staging: bool = False
    identity: tuple[str, ...] = ()


class Adapter(Protocol):
    """The class that a row of the table names, if it keeps the contract of objects."""

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, OptionValue]) -> "Storage":
        """Open the storage. Raises: ConfigurationInvalid."""


class LocalStorage(Protocol):
    """What a storage of a local kind can do besides."""

    def avoiding(self, directories: Callable[[], Iterable[str]]) -> "Storage":
        """The same storage, which refuses to enter these directories of the machine, whatever links or mounts lead there.

        They are compared as they are when the storage is used.
        """


class TableAdapter(Protocol):
    """The class that a row of the table names, if it keeps the contract of tables."""

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, OptionValue]) -> "TableStorage":
        """Open the storage. Raises: ConfigurationInvalid."""


ADAPTERS: dict[str, AdapterEntry] = {
    "ceph": AdapterEntry(
        target="storage_adapters.ceph:CephStorage",
        install="pip install boto3 obstore s3fs",
        places=bucket_places,
        reach=True,
        identity=("addressing",),
    ),
    "cos": AdapterEntry(
        target="storage_adapters.cos:CosStorage",
        install="pip install boto3 obstore s3fs",
        places=bucket_places,
        reach=True,
    ),
    "hdfs": AdapterEntry(
        target="storage_adapters.hdfs:HdfsStorage",
        install="pip install hdfs hdfs-native",
        places=hdfs_places,
        create=True,
        identity=("config_dir",),
    ),
    "hive": AdapterEntry(
        target="storage_adapters.hive:HiveStorage",
        install="pip install impyla",
        places=hive_places,
        contract="tables",
        reach=True,
        staging=True,
        identity=("login",),
    ),
    "mysql": AdapterEntry(
        target="storage_adapters.mysql:MysqlStorage",
        install="pip install pymysql",
        places=mysql_places,
        contract="tables",
        reach=True,
        keeps=True,
    ),
    "nas": AdapterEntry(
        target="storage_adapters.nas:NasStorage",
        install="part of this package",
        places=directory_places,
        create=True,
        local=True,
    ),
    "webhdfs": AdapterEntry(
        target="storage_adapters.hdfs:WebHdfsStorage",
        install="pip install hdfs hdfs-native",
        places=hdfs_places,
        reach=True,
        create=True,
        identity=("user", "proxy_user"),
    ),
}
"""The adapter of each kind. Everything else here is read from it when it is asked for, so a row may be added."""

DATABASE_OPTION = "database"
"""The option of a storage of tables that names the database in which datasets are kept."""


def kinds(contract: Contract | None = None) -> list[str]:
    """The kinds of storages, sorted: all, or those that keep the contract."""
    return sorted(kind for kind, entry in ADAPTERS.items() if contract in (None, entry.contract))


def holds_tables(kind: str) -> bool:
    """Whether storages of this kind keep the contract of tables."""
    return kind in ADAPTERS and ADAPTERS[kind].contract == "tables"


def keeps_tables(kind: str) -> bool:
    """Whether storages of this kind can keep tables that are made here."""
    return kind in ADAPTERS and ADAPTERS[kind].keeps


def has_reach(kind: str) -> bool:
    """Whether storages of this kind have the option `reach`."""
    return kind in ADAPTERS and ADAPTERS[kind].reach


def has_create(kind: str) -> bool:
    """Whether storages of this kind have the option `create`."""
    return kind in ADAPTERS and ADAPTERS[kind].create


def is_local(kind: str) -> bool:
    """Whether storages of this kind are directories of this machine, see `LocalStorage`."""
    return kind in ADAPTERS and ADAPTERS[kind].local


def identity_options(kind: str) -> tuple[str, ...]:
    """The options of this kind that say as whom, or by which servers, a storage is opened."""
    return ADAPTERS[kind].identity if kind in ADAPTERS else ()


def places_of(kind: str, url: str, options: Mapping[str, OptionValue]) -> Iterator[CanonicalPlace]:
    """Every place that a storage may lead to, in the form in which places are compared.

    Of an unknown kind, none. The symbolic links of a local path are resolved by the caller.
    """
    entry = ADAPTERS.get(kind)
    if entry is None:
        return
    yield from entry.places(url, options)
    staging = str(options.get("staging", "")) if entry.staging else ""
    if staging:
        if is_local(staging.partition("://")[0]):
            staging = f"nas://{os.path.realpath(staging.removeprefix('nas://'))}"
        theirs = {name.removeprefix("staging_"): value for name, value in options.items()}
        yield from places_of(staging.partition("://")[0], staging, theirs)


def open_storage(kind: str, url: str, options: Mapping[str, OptionValue]) -> "Storage":
    """Open the storage of this kind at the URL.

    Raises:
        ConfigurationInvalid: the kind is unknown, what it needs is not installed, or it refuses the URL or an option.
    """
    return cast("type[Adapter]", _load(kind, "objects")).from_url(url, options)


def open_tables(kind: str, url: str, options: Mapping[str, OptionValue]) -> "TableStorage":
    """Open the table storage of this kind at the URL. Raises: ConfigurationInvalid, as `open_storage`."""
    return cast("type[TableAdapter]", _load(kind, "tables")).from_url(url, options)


def _load(kind: str, contract: Contract) -> Any:
    entry = ADAPTERS.get(kind)
    if entry is None or entry.contract != contract:
        known = ", ".join(kinds(contract))
        raise ConfigurationInvalid(f"Unknown storage kind {kind!r}; known are: {known}.")
    module, _, name = entry.target.partition(":")
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        raise ConfigurationInvalid(f"Storage kind {kind!r} needs {error.name}: {entry.install}.") from error
