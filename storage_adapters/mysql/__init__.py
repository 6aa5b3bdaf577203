"""MySQL and MariaDB: tables as Arrow record batches, and as Parquet files for fsspec programs."""

from storage_adapters.mysql.filesystem import MysqlFileSystem
from storage_adapters.mysql.options import MysqlOptions
from storage_adapters.mysql.storage import MysqlStorage

__all__ = ["MysqlFileSystem", "MysqlOptions", "MysqlStorage"]
