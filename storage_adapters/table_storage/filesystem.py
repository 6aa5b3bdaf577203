"""The table filesystem: databases as directories and tables as Parquet files in them, over any table storage."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any
from urllib.parse import unquote

import pyarrow as pa
from fsspec import AbstractFileSystem

from storage_adapters.errors import (
    NotSupported,
    PermissionDenied,
    StorageUnavailable,
    TableExists,
    TableMissing,
)
from storage_adapters.table_storage.contract import WHOLE_TABLE, TableInfo, TableName, TableStorage
from storage_adapters.table_storage.spool import ParquetSink, spool_batches

SUFFIX = ".parquet"


def table_path(table: TableName) -> str:
    """`database/table.parquet`; `%`, `/` and special characters of globs and URLs are percent-encoded."""
    return f"{path_segment(table.database)}/{path_segment(table.table)}{SUFFIX}"


def path_segment(name: str) -> str:
    """The name as one segment of a path."""
    encoded = "".join(f"%{ord(character):02X}" if character in "%/*?#[]" else character for character in name)
    return encoded.replace(".", "%2E") if not name.strip(".") else encoded


def split_path(path: str) -> tuple[str, str]:
    """The database and the table of a path; empty where the path is too short.

    Raises:
        FileNotFoundError: no table can have this path.
    """
    database, _, file = path.strip("/").partition("/")
    if file and ("/" in file or not file.endswith(SUFFIX)):
        raise FileNotFoundError(f"Tables are database/table{SUFFIX}: {path}")
    return unquote(database), unquote(file.removesuffix(SUFFIX))


def path_table(path: str) -> TableName:
    """The table of a path. Raises: FileNotFoundError."""
    database, table = split_path(path)
    if not table:
        raise FileNotFoundError(f"Tables are database/table{SUFFIX}: {path}")
    return TableName(database=database, table=table)


class TableFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec publishes no type information
    """`database/table.parquet`. Nothing is cached; a table's size as Parquet is unknown before it is read.

    Reading sends the whole table once for every `open`, in one snapshot if the server has them, through a
    spool (see `spool`): memory stays bounded, the temporary directory must hold the compressed table.
    A table that does not change gives the same bytes each time: pyarrow's datasets keep the footer of one `open`
    for the next. Writing collects the Parquet file in the same way and makes the table when the file is closed, in place of
    an older one (mode `xb`: only if there is none); after an exception in the block, the old table is unchanged.
    """

    root_marker = ""
    cachable = False

    def __init__(self, tables: TableStorage, **options: Any) -> None:
        super().__init__(use_listings_cache=False, skip_instance_cache=True, **options)
        self._tables = tables

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        path = self._strip_protocol(path)
        with python_errors(path):
            found = list(self._entries(path))
        return found if detail else [entry["name"] for entry in found]

    def info(self, path: str, **options: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        with python_errors(path):
            database, table = split_path(path)
            if not table:
                if database and database not in self._tables.list_databases():
                    raise FileNotFoundError(path)
                return _directory(path_segment(database))
            name = path_table(path)
            for listed in self._tables.list_tables(database):
                if listed.name == name:
                    return _file(listed)
        raise FileNotFoundError(path)

    def mkdir(self, path: str, create_parents: bool = True, **options: Any) -> None:
        """Only the server's administrator makes databases."""
        raise PermissionError(f"Databases cannot be made here, only on the server: {path}")

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        if not (exist_ok and self.isdir(path)):
            self.mkdir(path)

    def rm_file(self, path: str) -> None:
        path = self._strip_protocol(path)
        if not self.isfile(path):
            raise FileNotFoundError(path)
        with python_errors(path):
            self._tables.drop_table(path_table(path))

    def rm(self, path: str | list[str], recursive: bool = False, maxdepth: int | None = None) -> None:
        """Drop tables; an empty database stays."""
        for found in self.expand_path(path, recursive=recursive, maxdepth=maxdepth):
            if self.isfile(found):
                self.rm_file(found)
            elif not recursive:
                raise IsADirectoryError(found)

    def _rm(self, path: str) -> None:
        self.rm_file(path)

    def cp_file(self, path1: str, path2: str, **options: Any) -> None:
        with python_errors(path1):
            source = path_table(self._strip_protocol(path1))
            batches = self._tables.read_partition(source, WHOLE_TABLE)
            schema = self._tables.describe(source)
            self._tables.write_table(path_table(self._strip_protocol(path2)), schema, batches, replace=True)

    def _open(self, path: str, mode: str = "rb", autocommit: bool = True, **options: Any) -> IO[bytes] | Any:
        path = self._strip_protocol(path)
        table = path_table(path)
        if mode == "rb":
            with python_errors(path):
                return spool_batches(self._tables.read_partition(table, WHOLE_TABLE))
        if mode not in ("wb", "xb") or not autocommit:
            raise NotImplementedError(f"Tables are read (rb) or written whole (wb, xb), not {mode}.")
        if mode == "xb" and self.exists(path):
            raise FileExistsError(path)  # checked again when it is published; this only fails earlier

        def publish(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
            with python_errors(path):
                self._tables.write_table(table, schema, batches, replace=mode == "wb")

        return ParquetSink(publish)

    def _entries(self, path: str) -> Iterator[dict[str, Any]]:
        database, table = split_path(path)
        if table:
            yield self.info(path)
        elif database:
            yield from map(_file, self._tables.list_tables(database))
        else:
            yield from (_directory(path_segment(name)) for name in self._tables.list_databases())


@contextmanager
def python_errors(path: str) -> Iterator[None]:
    """Raise Python's own errors where fsspec programs expect them; other errors are passed on."""
    try:
        yield
    except TableMissing as error:
        raise FileNotFoundError(path) from error
    except TableExists as error:
        raise FileExistsError(path) from error
    except PermissionDenied as error:
        raise PermissionError(error.detail) from error
    except StorageUnavailable as error:
        raise ConnectionError(error.detail) from error
    except NotSupported as error:
        raise NotImplementedError(error.detail) from error


def _directory(name: str) -> dict[str, Any]:
    return {"name": name, "size": 0, "type": "directory"}


def _file(table: TableInfo) -> dict[str, Any]:
    return {
        "name": table_path(table.name),
        "size": None,
        "type": "file",
        "estimated_rows": table.estimated_rows,
    }
