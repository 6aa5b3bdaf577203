"""The S3 filesystem: s3fs with its caches off, its memory bounded, and files that appear whole when they are closed."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from types import TracebackType
from typing import Any, ClassVar

from botocore.exceptions import ClientError
from fsspec.implementations.dirfs import DirFileSystem
from s3fs import S3File, S3FileSystem

from storage_adapters.options import OptionValue
from storage_adapters.s3.clients import add_content_md5, config_of, verification
from storage_adapters.s3.connection import Connection
from storage_adapters.s3.faults import translate

PART_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 4
OPTION_NAMES = frozenset({field.name for field in fields(Connection)} | {"addressing"})


@contextmanager
def as_file_exists(path: str) -> Iterator[None]:
    """Raise FileExistsError where s3fs only knows that a condition failed: RGW does not say which."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EINVAL and _condition_failed(error.__cause__):
            raise FileExistsError(path) from error
        raise


def _condition_failed(cause: BaseException | None) -> bool:
    return isinstance(cause, ClientError) and cause.response["Error"]["Code"] in ("PreconditionFailed", "412")


class WholeFile(S3File):  # type: ignore[misc]  # s3fs publishes no type information
    """An exception that leaves the `with` block discards the file and keeps the old one; so does a missing `close`."""

    closed: bool

    def commit(self) -> None:
        # Ceph 16 ignores the condition when it completes an upload, so check as late as possible.
        if "x" in self.mode and self.parts and self.fs.exists(self.path):
            self.discard()
            raise FileExistsError(self.path)
        with as_file_exists(self.path):
            super().commit()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self.writable():
            self._discard_parts()
        self.close()

    def __del__(self) -> None:
        # It was never closed, so it may be incomplete.
        if not getattr(self, "closed", True) and self.writable():
            self._discard_parts()

    def _discard_parts(self) -> None:
        """Discard what was written, also the parts that were sent."""
        if not self.closed:
            self.discard()
            self.closed = True


class BucketFileSystem(S3FileSystem):  # type: ignore[misc]  # s3fs publishes no type information
    """Paths are `bucket/key`. No listing is cached. A written file appears whole when it is closed.

    An exclusive write is atomic for a file of one part; for a longer one, existence is checked just before the end.
    Holds at most `PARTS_AT_ONCE` parts of `PART_BYTES` of a file in memory.
    """

    default_block_size = PART_BYTES
    exclusive: ClassVar[bool] = True
    """Whether a file can be written only if there is none; without it, an exclusive write raises NotImplementedError."""

    def __init__(self, **options: Any) -> None:
        """Takes the storage's options, and fsspec's. Raises: ConfigurationInvalid."""
        ours = {name: options.pop(name) for name in OPTION_NAMES & options.keys()}
        to = self.connection_for(ours)
        super().__init__(
            endpoint_url=to.endpoint,
            key=to.access_key,
            secret=to.secret_key,
            client_kwargs={"region_name": to.region, "verify": verification(to)},
            config_kwargs=config_of(to),
            max_concurrency=PARTS_AT_ONCE,
            **{"use_listings_cache": False, **options},
        )

    @classmethod
    def connection_for(cls, options: Mapping[str, OptionValue]) -> Connection:
        """The connection, without a bucket, for the system's options. Raises: ConfigurationInvalid."""
        raise NotImplementedError

    async def set_session(self, refresh: bool = False, kwargs: dict[str, Any] | None = None) -> Any:
        client = await super().set_session(refresh=refresh)
        # To register it again under the same id changes nothing.
        client.meta.events.register(
            "before-call.s3.DeleteObjects", add_content_md5, unique_id="datacenter-content-md5"
        )
        return client

    _connect = set_session

    async def _call_s3(self, method: str, *arguments: Any, **options: Any) -> Any:
        try:
            return await super()._call_s3(method, *arguments, **options)
        except OSError as error:
            if error.args != (None,) or not isinstance(error.__cause__, ClientError):
                raise
            # RGW sends a code and no message, which s3fs turns into the text "None".
            raise type(error)(translate(error.__cause__).detail) from error.__cause__

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        cache_type: str | None = None,
        cache_options: dict[str, Any] | None = None,
        autocommit: bool = True,
        size: int | None = None,
        **options: Any,
    ) -> WholeFile:
        if "x" in mode:
            self._check_exclusive()
            if self.exists(path):
                raise FileExistsError(path)  # the put checks again; this only fails earlier
        return WholeFile(
            self,
            path,
            mode,
            block_size=block_size or self.default_block_size,
            cache_type=cache_type or self.default_cache_type,
            cache_options=cache_options,
            autocommit=autocommit,
            size=size,
            **options,
        )

    async def _pipe_file(
        self, path: str, data: bytes, chunksize: int = PART_BYTES, mode: str = "overwrite", **options: Any
    ) -> Any:
        if mode == "create":
            self._check_exclusive()
            chunksize = max(chunksize, len(data))  # one request, because RGW keeps the condition of that only
        with as_file_exists(path):
            return await super()._pipe_file(path, data, chunksize=chunksize, mode=mode, **options)

    async def _put_file(
        self, lpath: str, rpath: str, chunksize: int = PART_BYTES, mode: str = "overwrite", **options: Any
    ) -> Any:
        if mode == "create":
            self._check_exclusive()
        with as_file_exists(rpath):
            return await super()._put_file(lpath, rpath, chunksize=chunksize, mode=mode, **options)

    def _check_exclusive(self) -> None:
        if not self.exclusive:
            raise NotImplementedError(
                "This storage cannot write a file only if there is none: use the mode 'wb'."
            )


def under_root(files: BucketFileSystem, connection: Connection) -> DirFileSystem:
    """The same filesystem with keys as its paths."""
    return DirFileSystem(
        path=f"{connection.bucket}/{connection.root}".rstrip("/"), fs=files, skip_instance_cache=True
    )
