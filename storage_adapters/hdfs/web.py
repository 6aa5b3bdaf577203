"""The web client: WebHDFS, or an HttpFS gateway, through HdfsCLI, as the user that the options name."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import requests
from hdfs.client import Client, _Request
from requests.adapters import HTTPAdapter

from storage_adapters.errors import (
    AddressRefused,
    ConfigurationInvalid,
    NotSupported,
    ObjectChanged,
    ObjectMissing,
    ServerUntrusted,
)
from storage_adapters.hdfs.client import FileInfo
from storage_adapters.hdfs.decoding import PREFIX, Decoding
from storage_adapters.hdfs.web_faults import translated
from storage_adapters.network.guarded_http import GUARDED_POOLS
from storage_adapters.network.protocol_probe import WireProtocol
from storage_adapters.network.reach import Reach
from storage_adapters.object_storage.contract import Buffer

_SOURCES_AT_ONCE = 32  # their names are in the URL, which servers limit to 8 KiB
_PIECE_BYTES = 1024 * 1024
_REDIRECTED = {"CREATE", "APPEND", "OPEN"}


class _Rest(Client):  # type: ignore[misc]  # HdfsCLI publishes no type information
    """HdfsCLI with unchanged paths, `CONCAT`, and redirects that are checked before they are followed."""

    _concat = _Request("POST")

    def resolve(self, hdfs_path: str) -> str:
        """The path itself: HdfsCLI would replace `#LATEST` in a name."""
        return hdfs_path

    def _request(self, method: str, url: str, **settings: Any) -> Any:
        """Send a request; only those for a file's bytes may be redirected, and the caller follows those."""
        op = settings.get("params", {}).get("op")
        # A file's bytes are streamed.
        known = {"stream": op == "OPEN", **settings, "allow_redirects": False}
        answer = super()._request(method, url, **known)
        if answer.is_redirect and op not in _REDIRECTED:
            answer.close()
            raise requests.TooManyRedirects
        if answer.status_code >= 500 and "json" not in answer.headers.get("Content-Type", ""):
            raise requests.HTTPError(
                response=answer
            )  # a proxy's answer, which HdfsCLI would take for WebHDFS's
        return answer


class WebClient:
    """Calls over HTTP to the first server that answers and is not a standby."""

    wire_protocol: WireProtocol | None = None
    lists_at_once = True

    def __init__(
        self,
        urls: Sequence[str],
        *,
        user: str = "",
        proxy_user: str = "",
        token: str = "",
        ca_file: str = "",
        datanodes: Sequence[tuple[str, int]] = (),
        reach: Reach = Reach.ANY,
        timeout_seconds: int = 60,
        replication: int = 0,
        block_bytes: int = 0,
        connections: int = 16,
    ) -> None:
        self.addresses: Sequence[tuple[str, int]] = [
            (urlsplit(url).hostname or "", urlsplit(url).port or 0) for url in urls
        ]
        self._scheme = urlsplit(urls[0]).scheme
        self._named = None if reach == Reach.ANY else {*self.addresses, *datanodes}
        self._properties = {"replication": replication or None, "blocksize": block_bytes or None}
        session = requests.Session()
        session.trust_env = False  # a cluster is reached without the proxy of the environment
        session.verify = ca_file or True
        adapter = HTTPAdapter(pool_maxsize=connections, pool_connections=connections)
        if reach == Reach.FAR:
            adapter.poolmanager.pool_classes_by_scheme = GUARDED_POOLS
        session.mount(f"{self._scheme}://", adapter)
        session.params = {"delegation": token} if token else {"user.name": user} if user else {}
        self._rest = _Rest(
            ";".join(urls),
            proxy=proxy_user or None,
            timeout=(min(10, timeout_seconds), timeout_seconds),
            session=session,
        )
        self._decoding = Decoding(lambda url: self._rest._request(method="GET", url=url))

    def info(self, path: str) -> FileInfo:
        with translated(path):
            return _describe(path.rpartition("/")[2], self._rest._get_file_status(path).json()["FileStatus"])

    def list_directory(self, path: str) -> Iterator[FileInfo]:
        entries: list[dict[str, Any]] = []
        with suppress(ObjectMissing), translated(path):
            entries = self._rest._list_status(path).json()["FileStatuses"]["FileStatus"]
        while entries:
            entry = entries.pop()  # so that no entry is held twice
            if entry["pathSuffix"]:  # a file is listed as itself, without a name
                yield _describe(entry["pathSuffix"], entry)

    def read(self, path: str, spans: Sequence[tuple[int, int]]) -> list[bytes]:
        return [self._read(path, offset, length) for offset, length in spans]

    def _read(self, path: str, offset: int, length: int) -> bytes:
        if not length:
            return self._read_nothing(path, offset)
        with translated(path):
            answer = self._rest._open(path, offset=offset, length=length)
            if answer.is_redirect:
                answer.close()
                answer = self._rest._request(method="GET", url=self._follow(answer, path), stream=True)
            with answer:
                self._raise_for(answer)
                data = _at_most(answer, length, path)
        if len(data) != length:
            raise ObjectChanged(f"The object ends at {offset + len(data)}, before the range does.", key=path)
        return data

    def write(self, path: str, chunks: Iterable[Buffer]) -> int:
        counted = _Counted(chunks)
        # Directories that `create` makes would be writable by everybody.
        self.make_directory(path.rpartition("/")[0])
        with translated(path):
            answer = self._rest._create(path, overwrite=False, **self._properties)
            self._send("PUT", path, answer, counted.whole_or_stream())
        return counted.size_bytes

    def append(self, path: str, data: Buffer) -> None:
        with translated(path):
            self._send("POST", path, self._rest._append(path), bytes(data))

    def make_directory(self, path: str) -> None:
        with translated(path):
            self._rest._mkdirs(path)

    def rename(self, source: str, target: str, *, overwrite: bool) -> None:
        with translated(target):
            answer = self._rest._rename(
                source, destination=target, renameoptions="OVERWRITE" if overwrite else "NONE"
            )
            # With the options the answer to a success is empty; a body means that they were not understood.
            body = answer.json() if answer.content else {"boolean": True}
        if not body["boolean"]:
            raise NotSupported(
                "This gateway does not support `renameoptions`: use WebHDFS of a NameNode, or a newer gateway.",
                key=target,
            )

    def delete(self, path: str, *, recursive: bool) -> bool:
        with translated(path):
            return bool(self._rest._delete(path, recursive=recursive).json()["boolean"])

    def concat(self, target: str, sources: Sequence[str]) -> None:
        if any("," in source for source in sources):
            raise NotSupported("WebHDFS cannot concatenate files with a comma in their name.", key=target)
        for first in range(0, len(sources), _SOURCES_AT_ONCE):
            with translated(target):
                self._rest._concat(target, sources=",".join(sources[first : first + _SOURCES_AT_ONCE]))

    def _read_nothing(self, path: str, offset: int) -> bytes:
        found = self.info(path)
        if found.is_directory:
            raise ObjectMissing(
                "There is no object under this key, but a directory of other objects.", key=path
            )
        if offset > found.size_bytes:
            raise ObjectChanged("The object ends before the range does.", key=path)
        return b""

    def _send(self, method: str, path: str, answer: Any, data: Any) -> None:
        """Send the bytes to the server that the NameNode named: a DataNode or the gateway itself."""
        self._raise_for(self._rest._request(method=method, url=self._follow(answer, path), data=data))

    def _follow(self, answer: Any, path: str) -> str:
        """The URL that a redirect leads to. Nothing is sent to one that is not allowed.

        Raises:
            ConfigurationInvalid: it does not lead to WebHDFS.
            AddressRefused: it leads to a server that is not named.
        """
        location = urlsplit(str(answer.headers.get("location", "")))
        if location.scheme != self._scheme or not location.path.startswith(f"{PREFIX}/"):
            raise ConfigurationInvalid(
                f"The server redirects to {location.scheme}://{location.netloc}{location.path[:20]}, which is not WebHDFS: "
                "correct the URL."
            )
        if self._named is not None and (location.hostname, location.port) not in self._named:
            raise AddressRefused(
                f"The server redirects to {location.netloc}, which is not named: add it to the option 'datanodes'."
            )
        return self._decoding.address(location, path)

    def _raise_for(self, answer: Any) -> None:
        if not answer.ok:
            raise requests.HTTPError(response=answer)


def _at_most(answer: Any, length: int, path: str) -> bytes:
    """The bytes of an answer. Raises: ServerUntrusted: they are more than was requested."""
    data = bytearray()
    for piece in answer.iter_content(_PIECE_BYTES):
        data += piece
        if len(data) > length:
            raise ServerUntrusted("The server sent more of the object than was requested.", key=path)
    return bytes(data)


class _Counted:
    """Chunks whose bytes are counted; a single chunk is sent with its length, more as a stream."""

    def __init__(self, chunks: Iterable[Buffer]) -> None:
        self._chunks = iter(chunks)
        self.size_bytes = 0

    def whole_or_stream(self) -> bytes | Iterator[bytes]:
        first, second = next(self._chunks, b""), next(self._chunks, None)
        if second is None:
            self.size_bytes = len(first)
            return bytes(first)
        return self._stream(bytes(first), bytes(second))

    def _stream(self, *begun: bytes) -> Iterator[bytes]:
        for known in (begun, self._chunks):
            for chunk in known:
                self.size_bytes += len(chunk)
                if len(chunk):  # an empty one would end the transfer
                    yield bytes(chunk)


def _describe(name: str, status: dict[str, Any]) -> FileInfo:
    return FileInfo(
        name=name,
        is_directory=status["type"] == "DIRECTORY",
        size_bytes=status["length"],
        modified_ms=status["modificationTime"],
    )
