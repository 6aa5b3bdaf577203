"""Buffering: join pieces of any size to parts of an upload, for which a storage may have a minimum size."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from datacenter.database.engine import new_id
from datacenter.datasets.models import Upload
from storage_adapters.errors import StorageError
from storage_adapters.object_storage.contract import Buffer, ByteRange, NewObject, Part, Storage

READ_BYTES = 1 << 20
MIN_PART_BYTES = 8 << 20
"""The minimum where the storage has none: each part is a file of its own there until the upload is complete."""
MAX_PARTS = 10_000
"""The upload's row lists every part, and is rewritten with each piece."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tail:
    """Bytes that are stored as an object of their own until there are enough for a part."""

    key: str
    length: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedBytes:
    """Where the received bytes are stored: in parts of the upload, and after these in tails."""

    parts: tuple[Part, ...] = ()
    tails: tuple[Tail, ...] = ()

    @property
    def size_bytes(self) -> int:
        """How many bytes were received."""
        return sum(part.length for part in self.parts) + sum(tail.length for tail in self.tails)

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        """The value from the JSON of `rows`."""
        parts = tuple(
            Part(number=row["number"], offset=row["offset"], length=row["length"], tag=row["tag"])
            for row in rows
            if "number" in row
        )
        tails = tuple(Tail(key=row["tail"], length=row["length"]) for row in rows if "tail" in row)
        return cls(parts=parts, tails=tails)

    def rows(self) -> list[dict[str, Any]]:
        """The JSON form for the upload's row."""
        parts: list[dict[str, Any]] = [
            {"number": part.number, "offset": part.offset, "length": part.length, "tag": part.tag}
            for part in self.parts
        ]
        return parts + [{"tail": tail.key, "length": tail.length} for tail in self.tails]


def add_piece(storage: Storage, upload: Upload, received: ReceivedBytes, data: Buffer) -> ReceivedBytes:
    """Store the next piece; it counts only once the upload's row has the returned value.

    Where the storage writes parts in place, the piece is written there, and all received bytes are one part. Elsewhere
    pieces are stored as tails until they make a part; the last piece completes the last part, of any size. A tail is
    read and joined with the following bytes if these are at least half as long: so there are few tails, even with tiny
    pieces, and a byte is rewritten a few times and not once for each piece.

    No tail is ever overwritten, and those that were joined stay: a process that dies in between, or wakes up late,
    harms nothing that the row names.
    """
    offset = received.size_bytes
    end = offset + len(data)
    number = len(received.parts) + 1
    if storage.capabilities.positioned_writes:
        part = storage.upload_part(upload.key, upload.storage_upload_id, number, offset, [data])
        return ReceivedBytes(parts=(Part(number=number, offset=0, length=end, tag=part.tag),))
    waiting = sum(tail.length for tail in received.tails) + len(data)
    if end == upload.size_bytes or waiting >= _part_bytes(storage, upload):
        chunks = _read(storage, received.tails, data)
        part = storage.upload_part(upload.key, upload.storage_upload_id, number, end - waiting, chunks)
        return ReceivedBytes(parts=(*received.parts, part))
    kept, joined, length = list(received.tails), list[Tail](), len(data)
    while kept and kept[-1].length <= 2 * length:
        joined.insert(0, kept.pop())
        length += joined[0].length
    tail = Tail(key=_tail_key(upload, end), length=length)
    _put(storage, tail.key, b"".join(_read(storage, joined, data)))
    return ReceivedBytes(parts=received.parts, tails=(*kept, tail))


def delete_tails(storage: Storage, tails: Iterable[Tail]) -> None:
    """Delete tails that no row names any more; what cannot be deleted now is swept with the upload."""
    with suppress(StorageError):
        for _ in storage.delete([tail.key for tail in tails]):
            pass


def _part_bytes(storage: Storage, upload: Upload) -> int:
    """The size at which pieces become a part: large enough for the storage's minimum and its maximum number of parts."""
    capabilities = storage.capabilities
    max_parts = min(capabilities.maximum_parts, MAX_PARTS)
    return max(capabilities.minimum_part_bytes or MIN_PART_BYTES, -(-upload.size_bytes // max_parts))


def _tail_key(upload: Upload, end: int) -> str:
    """A unique key beside the upload's object, so that the tail is swept with the upload."""
    folder = upload.key.rpartition("/")[0]
    return f"{folder}/tail-{end:015d}-{new_id()[-12:]}"


def _read(storage: Storage, tails: Iterable[Tail], data: Buffer) -> Iterator[Buffer]:
    """The bytes of the tails and then the data, in pieces."""
    yield from storage.read_ranges(
        ByteRange(key=tail.key, offset=start, length=min(READ_BYTES, tail.length - start))
        for tail in tails
        for start in range(0, tail.length, READ_BYTES)
    )
    yield data


def _put(storage: Storage, key: str, data: bytes) -> None:
    for outcome in storage.put_many([NewObject(key=key, data=data)]):
        if outcome.error is not None:
            raise outcome.error
