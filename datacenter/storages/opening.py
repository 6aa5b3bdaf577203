"""Opening: the adapter of a registered storage, held to what its role is for."""

from collections.abc import Mapping

from datacenter.settings import StorageSettings
from storage_adapters.object_storage.contract import Storage
from storage_adapters.options import OptionValue
from storage_adapters.registry import has_create, holds_tables, open_storage, open_tables
from storage_adapters.table_storage.contract import TableStorage


def open_adapter(registered: StorageSettings, options: Mapping[str, OptionValue]) -> Storage | TableStorage:
    """The storage with these options, which hold its secrets.

    Of a source nothing is ever made: a directory that is not there is mistyped, or not mounted, and its check says so.

    Raises: ConfigurationInvalid.
    """
    if registered.role == "source" and has_create(registered.kind):
        options = {**options, "create": False}
    opener = open_tables if holds_tables(registered.kind) else open_storage
    return opener(registered.kind, registered.url, options)
