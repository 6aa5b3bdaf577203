"""Table URLs: `scheme://user:password@host:port/database/table.parquet`, for storages and for fsspec programs."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.options import OptionValue
from storage_adapters.table_storage.contract import TableStorage
from storage_adapters.table_storage.filesystem import TableFileSystem


def server_of(url: str, example: str) -> dict[str, OptionValue]:
    """Host, port, user and password of a URL of the form of the example, as options; the last two are percent-encoded.

    Raises:
        ConfigurationInvalid: the detail shows the example and never the password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # The library's own text contains the URL, and with it the password.
        raise ConfigurationInvalid(f"The URL must have the form {example}.") from None
    if parts.scheme != urlsplit(example).scheme or parts.query or parts.fragment:
        raise ConfigurationInvalid(f"The URL must be {example}, without '?' and '#'.")
    if parts.path not in ("", "/"):
        raise ConfigurationInvalid(
            f"The URL must be {example}, without a database: all databases that the user may see are used, and "
            "a table is named database.table."
        )
    found: dict[str, OptionValue] = {"host": parts.hostname or ""}
    if port is not None:
        found["port"] = port
    if parts.username is not None:
        found["user"] = unquote(parts.username)
    if parts.password is not None:
        found["password"] = unquote(parts.password)
    return found


class ServerFileSystem(TableFileSystem):
    """See `TableFileSystem`. Keyword arguments are the options of the storage; those in a URL take precedence."""

    protocol: ClassVar[str]
    default_port: ClassVar[int]

    def __init__(self, host: str, **options: Any) -> None:
        ours = {name: value for name, value in options.items() if self.has_option(name)}
        self._place = f"{host}:{ours.get('port', self.default_port)}"
        theirs = {name: value for name, value in options.items() if name not in ours}
        super().__init__(self.open_tables({"host": host, **ours}), **theirs)

    @classmethod
    def has_option(cls, option: str) -> bool:
        """Whether the storage has an option of this name; the others are fsspec's."""
        raise NotImplementedError

    @classmethod
    def open_tables(cls, options: Mapping[str, OptionValue]) -> TableStorage:
        """The storage with these options. Raises: ConfigurationInvalid."""
        raise NotImplementedError

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        path = str(path)
        scheme = f"{cls.protocol}://"
        if path.startswith(scheme):
            path = path.removeprefix(scheme).partition("/")[2]  # the server comes first
        return path.strip("/")

    def unstrip_protocol(self, name: str) -> str:
        """The path as a URL, without user and password."""
        return f"{self.protocol}://{self._place}/{self._strip_protocol(name)}"

    @classmethod
    def _get_kwargs_from_urls(cls, path: str) -> dict[str, Any]:
        if not path.startswith(f"{cls.protocol}://"):
            return {}
        server = path.removeprefix(f"{cls.protocol}://").partition("/")[0]
        found = server_of(f"{cls.protocol}://{server}", f"{cls.protocol}://user@host:port")
        return {name: value for name, value in found.items() if value}
