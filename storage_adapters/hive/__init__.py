"""Hive, and what speaks HiveServer2's protocol: tables as Arrow record batches, and as Parquet files for fsspec programs."""

from storage_adapters.hive.filesystem import HiveFileSystem
from storage_adapters.hive.options import HiveOptions
from storage_adapters.hive.storage import HiveStorage

__all__ = ["HiveFileSystem", "HiveOptions", "HiveStorage"]
