"""The MySQL filesystem: tables as Parquet files, under `mysql://user:password@host:3306/database/table.parquet`."""

from collections.abc import Mapping

from storage_adapters.mysql.options import MysqlOptions
from storage_adapters.mysql.storage import MysqlStorage
from storage_adapters.options import OptionValue, read_options
from storage_adapters.table_storage.urls import ServerFileSystem


class MysqlFileSystem(ServerFileSystem):
    """See `ServerFileSystem`. Keyword arguments are the fields of `MysqlOptions`."""

    protocol = "mysql"
    default_port = 3306

    @classmethod
    def has_option(cls, option: str) -> bool:
        return option in MysqlOptions.__dataclass_fields__

    @classmethod
    def open_tables(cls, options: Mapping[str, OptionValue]) -> MysqlStorage:
        return MysqlStorage(read_options(MysqlOptions, options))
