"""The MySQL filesystem: tables as Parquet files, under `mysql://user:password@host:3306/database/table.parquet`."""

from typing import Any
from urllib.parse import unquote, urlsplit

from storage_adapters.mysql.options import MysqlOptions
from storage_adapters.mysql.storage import MysqlStorage
from storage_adapters.options import OptionValue, read_options
from storage_adapters.table_filesystem import TableFileSystem

_SCHEME = "mysql://"


class MysqlFileSystem(TableFileSystem):
    """See `TableFileSystem`. Keyword arguments are the fields of `MysqlOptions`; those of a URL win."""

    protocol = "mysql"

    def __init__(self, host: str, **options: Any) -> None:
        ours = {name: value for name, value in options.items() if name in MysqlOptions.__dataclass_fields__}
        settings: dict[str, OptionValue] = {"host": host, **ours}
        self._place = f"{host}:{ours.get('port', 3306)}"
        theirs = {name: value for name, value in options.items() if name not in ours}
        super().__init__(MysqlStorage(read_options(MysqlOptions, settings)), **theirs)

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        path = str(path)
        if path.startswith(_SCHEME):
            path = path.removeprefix(_SCHEME).partition("/")[2]  # what comes first is the server
        return path.strip("/")

    def unstrip_protocol(self, name: str) -> str:
        """The path as a URL, without user and password."""
        return f"{_SCHEME}{self._place}/{self._strip_protocol(name)}"

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        if not path.startswith(_SCHEME):
            return {}
        parts = urlsplit(path)
        found = {
            "host": parts.hostname,
            "port": parts.port,
            "user": None if parts.username is None else unquote(parts.username),
            "password": None if parts.password is None else unquote(parts.password),
        }
        return {name: value for name, value in found.items() if value}
