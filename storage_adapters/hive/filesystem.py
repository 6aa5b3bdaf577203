"""The Hive filesystem: tables as Parquet files, under `hive://user:password@host:10000/database/table.parquet`."""

from collections.abc import Mapping

from storage_adapters.hive.options import HiveOptions
from storage_adapters.hive.staging import PREFIX
from storage_adapters.hive.storage import HiveStorage
from storage_adapters.options import OptionValue
from storage_adapters.table_storage.urls import ServerFileSystem


class HiveFileSystem(ServerFileSystem):
    """See `ServerFileSystem`. Keyword arguments are the fields of `HiveOptions`, and those of its staging storage."""

    protocol = "hive"
    default_port = 10000

    @classmethod
    def has_option(cls, option: str) -> bool:
        return option in HiveOptions.__dataclass_fields__ or option.startswith(PREFIX)

    @classmethod
    def open_tables(cls, options: Mapping[str, OptionValue]) -> HiveStorage:
        return HiveStorage.from_options(options)
