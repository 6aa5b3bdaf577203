"""The registry: from a storage's kind to its adapter, imported only when it is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast

from storage_adapters.contract import Storage
from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.options import OptionValue


@dataclass(frozen=True, kw_only=True, slots=True)
class AdapterEntry:
    """Where an adapter lives, as `module:class`, and what to install when its module cannot be imported."""

    target: str
    install: str


class Adapter(Protocol):
    """The class that a row of the table names."""

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, OptionValue]) -> Storage:
        """Open the storage. Raises: ConfigurationInvalid."""


ADAPTERS: Mapping[str, AdapterEntry] = {
    "hdfs": AdapterEntry(target="storage_adapters.hdfs:HdfsStorage", install="pip install hdfs hdfs-native"),
    "memory": AdapterEntry(target="storage_adapters.memory:MemoryStorage", install="part of this package"),
    "nas": AdapterEntry(target="storage_adapters.nas:NasStorage", install="part of this package"),
    "webhdfs": AdapterEntry(
        target="storage_adapters.hdfs:WebHdfsStorage", install="pip install hdfs hdfs-native"
    ),
}

KINDS = tuple(sorted(ADAPTERS))


def open_storage(kind: str, url: str, options: Mapping[str, OptionValue]) -> Storage:
    """Open the storage of this kind at the URL.

    Raises:
        ConfigurationInvalid: the kind is unknown, what it needs is not installed, or it refuses the URL or an option.
    """
    entry = ADAPTERS.get(kind)
    if entry is None:
        raise ConfigurationInvalid(f"Unknown storage kind {kind!r}; known are: {', '.join(KINDS)}.")
    module, _, name = entry.target.partition(":")
    try:
        adapter = cast("type[Adapter]", getattr(import_module(module), name))
    except ImportError as error:
        raise ConfigurationInvalid(f"Storage kind {kind!r} needs {error.name}: {entry.install}.") from error
    return adapter.from_url(url, options)
