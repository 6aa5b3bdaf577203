"""A local file during its upload: read piece by piece, with checks that it does not change."""

from collections.abc import Callable, Iterator
from pathlib import Path

from datacenter.client.errors import OtherFile

READ_BYTES = 1 << 20
OnBytes = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""


def read_span(
    path: Path, start: int, stop: int, on_read: Callable[[int], None] | None = None
) -> Iterator[bytes]:
    """The bytes from `start` to `stop`, or to the file's end if that comes first; `on_read` gets the position."""
    with path.open("rb") as file:
        file.seek(start)
        while start < stop and (data := file.read(min(READ_BYTES, stop - start))):
            yield data
            start += len(data)
            if on_read:
                on_read(start)


def fingerprint(path: Path) -> tuple[int, int]:
    """The size in bytes and the time of the last change in nanoseconds."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def check_size(upload_id: str, path: Path, announced: int) -> None:
    """Raises: OtherFile: the upload was begun with a file of another size."""
    if (actual := path.stat().st_size) != announced:
        raise OtherFile(f"upload {upload_id} was begun with a file of {announced} bytes; {path} has {actual}")
