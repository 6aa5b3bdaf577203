"""Gathering: pieces of any size become the parts of an upload, which a storage may want larger than they come."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from datacenter.database.engine import new_id
from datacenter.datasets.models import Upload
from storage_adapters.errors import StorageError
from storage_adapters.object_storage.contract import Buffer, ByteRange, NewObject, Part, Storage

READ_BYTES = 1 << 20
GATHERED_BYTES = 8 << 20
"""The least part where the storage knows none: it is a file of its own there until the upload is complete."""
MAX_PARTS = 10_000
"""The upload's row names every part, and is written anew with each piece."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tail:
    """Bytes that are kept as an object of its own until there are enough of them for a part."""

    key: str
    length: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedBytes:
    """Where the bytes that have arrived are kept: in parts of the upload, and what follows these in tails."""

    parts: tuple[Part, ...] = ()
    tails: tuple[Tail, ...] = ()

    @property
    def size_bytes(self) -> int:
        """How many bytes have arrived."""
        return sum(part.length for part in self.parts) + sum(tail.length for tail in self.tails)

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        """What `rows` wrote down."""
        parts = tuple(
            Part(number=row["number"], offset=row["offset"], length=row["length"], tag=row["tag"])
            for row in rows
            if "number" in row
        )
        tails = tuple(Tail(key=row["tail"], length=row["length"]) for row in rows if "tail" in row)
        return cls(parts=parts, tails=tails)

    def rows(self) -> list[dict[str, Any]]:
        """The form in which an upload's row keeps it."""
        parts: list[dict[str, Any]] = [
            {"number": part.number, "offset": part.offset, "length": part.length, "tag": part.tag}
            for part in self.parts
        ]
        return parts + [{"tail": tail.key, "length": tail.length} for tail in self.tails]


def add_piece(storage: Storage, upload: Upload, arrived: ReceivedBytes, data: Buffer) -> ReceivedBytes:
    """Keep one more piece, which follows what has arrived; it counts once the upload's row says what is returned.

    Where parts are written in place, the piece is, and all that has arrived is one part. Elsewhere pieces wait as
    tails until they make a part, and with the last piece the rest is the last part, of any size. A tail is read
    and joined with what follows when that is at least half as long: so there are few tails however small the pieces
    are, and a byte is written a few times and not once for each piece.

    No tail is ever written over, and those that were joined stay: whoever dies in between, or wakes up late, harms
    nothing that the row names.
    """
    offset = arrived.size_bytes
    end = offset + len(data)
    number = len(arrived.parts) + 1
    if storage.capabilities.positioned_writes:
        part = storage.upload_part(upload.key, upload.storage_upload_id, number, offset, [data])
        return ReceivedBytes(parts=(Part(number=number, offset=0, length=end, tag=part.tag),))
    waiting = sum(tail.length for tail in arrived.tails) + len(data)
    if end == upload.size_bytes or waiting >= _part_bytes(storage, upload):
        chunks = _read(storage, arrived.tails, data)
        part = storage.upload_part(upload.key, upload.storage_upload_id, number, end - waiting, chunks)
        return ReceivedBytes(parts=(*arrived.parts, part))
    kept, joined, length = list(arrived.tails), list[Tail](), len(data)
    while kept and kept[-1].length <= 2 * length:
        joined.insert(0, kept.pop())
        length += joined[0].length
    tail = Tail(key=_tail_key(upload, end), length=length)
    _put(storage, tail.key, b"".join(_read(storage, joined, data)))
    return ReceivedBytes(parts=arrived.parts, tails=(*kept, tail))


def forget_tails(storage: Storage, tails: Iterable[Tail]) -> None:
    """Remove tails that no row names any more; what cannot be removed now is swept with the upload."""
    with suppress(StorageError):
        for _ in storage.delete([tail.key for tail in tails]):
            pass


def _part_bytes(storage: Storage, upload: Upload) -> int:
    """The size from which pieces are a part: one that the storage takes, as it does so many of them."""
    capabilities = storage.capabilities
    max_parts = min(capabilities.maximum_parts, MAX_PARTS)
    return max(capabilities.minimum_part_bytes or GATHERED_BYTES, -(-upload.size_bytes // max_parts))


def _tail_key(upload: Upload, end: int) -> str:
    """Beside the upload's object, so that it is swept with it; no two tails have the same name."""
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
