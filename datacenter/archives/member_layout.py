"""The common part of all layouts: header and content of each member, then a tail."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from datacenter.archives.arrow_bytes import offsets_and_data, one_chunk
from datacenter.archives.errors import MemberMismatch
from datacenter.archives.layout import MAX_PARTS, PIECE_BYTES, ArchivePartPlan, Content, Fetch, Request


def plan_archive_parts(
    borders: npt.NDArray[np.int64],
    size_bytes: int,
    *,
    target_bytes: int,
    minimum_bytes: int,
    maximum_parts: int,
    copied: Sequence[Content] = (),
) -> list[ArchivePartPlan]:
    """See `ArchiveLayout.parts`; `borders` are the offsets where members start and the last one ends.

    Raises:
        ValueError: the target is below the minimum or below one byte, or no part is allowed.
    """
    if target_bytes < max(1, minimum_bytes) or maximum_parts < 1:
        raise ValueError(
            f"cannot make parts of {target_bytes} bytes: {minimum_bytes} bytes at least, {maximum_parts} parts at most"
        )
    target = max(target_bytes, -(-size_bytes // maximum_parts))
    while True:
        # As the target grows, fewer contents become parts of their own, so in the end a few parts suffice.
        worth = max(target, 2 * minimum_bytes)
        contents = [content for content in copied if content.stop - content.start >= worth]
        cuts = _cuts(borders, size_bytes, target, minimum_bytes, contents)
        parts = list(islice(cuts, maximum_parts + 1))
        if len(parts) <= maximum_parts:
            return [
                ArchivePartPlan(number=number, start=start, stop=stop, member=member)
                for number, (start, stop, member) in enumerate(parts, 1)
            ]
        target += target // 4 + 1  # cutting at borders leaves parts smaller than the target


def _cuts(
    borders: npt.NDArray[np.int64], size_bytes: int, target: int, minimum: int, contents: Sequence[Content]
) -> Iterator[tuple[int, int, int | None]]:
    """Where each part starts and stops, and the member that it is copied from."""
    at = 0
    for member, begin, end in contents:
        for start, stop in _written(borders, at, begin, target, minimum):
            # The last part before a copy reaches into the content if it would be smaller than the minimum.
            at = max(stop, start + minimum) if stop == begin else stop
            yield start, at, None
        while (length := min(target, end - at)) >= max(minimum, 1):
            yield at, at + length, member
            at += length
    for start, stop in _written(borders, at, size_bytes, target, minimum):
        yield start, stop, None


def _written(
    borders: npt.NDArray[np.int64], start: int, end: int, target: int, minimum: int
) -> Iterator[tuple[int, int]]:
    """Cut [start, end) at borders into pieces of nearly the same size, because many workers write them at the same time; only
    the last piece may be smaller than the minimum."""
    while start < end:
        even = -(-(end - start) // -(-(end - start) // target))
        stop = min(start + max(even, minimum), end)
        if stop < end:
            near, far = (
                int(borders[np.searchsorted(borders, at, "right") - 1]) for at in (stop, start + target)
            )
            # One piece of the full size is better than a small piece, or than a cut in a member that fits.
            border = near if near - start >= even // 2 else far
            if border - start >= max(minimum, 1):
                stop = border
        yield start, stop
        start = stop


_MEMBERS_AT_ONCE = 4096
_BYTES_AT_ONCE = 32 * 1024**2


class PackedNames(NamedTuple):
    """The UTF-8 bytes of all names without a Python object for each: name i is data[offsets[i]:offsets[i + 1]]."""

    data: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, paths: "pa.ChunkedArray[Any]") -> "PackedNames":
        offsets, data = offsets_and_data(one_chunk(paths.cast(pa.large_string())))
        return cls(data, offsets)

    def lengths(self, first: int, last: int) -> npt.NDArray[np.int64]:
        return np.diff(self.offsets[first : last + 1])

    def joined(self, first: int, last: int) -> npt.NDArray[np.uint8]:
        return self.data[self.offsets[first] : self.offsets[last]]

    def scatter(
        self, first: int, last: int, target: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64]
    ) -> None:
        """Copy the names of members [first, last) into the target, each at its start."""
        shift = np.repeat(starts - self.offsets[first:last], self.lengths(first, last))
        target[np.arange(self.offsets[first], self.offsets[last]) + shift] = self.joined(first, last)


class MemberLayout(ABC):
    """Offsets of members, and any range of the archive from them; formats add headers and a tail."""

    def __init__(
        self,
        *,
        offsets: npt.NDArray[np.int64],
        header_bytes: npt.NDArray[np.int64],
        stored_bytes: npt.NDArray[np.int64],
        tail_bytes: int,
    ) -> None:
        self._offsets = offsets
        self._header_bytes = header_bytes
        self._stored_bytes = stored_bytes
        self._tail_start = int(offsets[-1])
        self._size_bytes = self._tail_start + tail_bytes

    @abstractmethod
    def _headers(self, first: int, last: int) -> bytes:
        """The headers of members [first, last), one after the other."""

    @abstractmethod
    def _tail(self, start: int, stop: int) -> Iterator[bytes | memoryview]:
        """Bytes [start, stop) of what follows the last member."""

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    @property
    def files(self) -> int:
        return len(self._stored_bytes)

    def member_offset(self, member: int) -> int:
        return int(self._offsets[member])

    def members(self, start: int, stop: int) -> tuple[int, int]:
        stop = min(stop, self._tail_start)
        if start >= stop:
            return self.files, self.files
        first = int(np.searchsorted(self._offsets, start, "right")) - 1
        return first, int(np.searchsorted(self._offsets, stop, "left"))

    def content(self, member: int) -> Content:
        start = int(self._offsets[member] + self._header_bytes[member])
        return Content(member, start, start + int(self._stored_bytes[member]))

    def contents(self, min_bytes: int) -> Iterator[Content]:
        return map(self.content, np.flatnonzero(self._stored_bytes >= min_bytes).tolist())

    def parts(
        self,
        target_bytes: int,
        minimum_bytes: int = 0,
        maximum_parts: int = MAX_PARTS,
        copied: Sequence[Content] = (),
    ) -> list[ArchivePartPlan]:
        return plan_archive_parts(
            self._offsets,
            self._size_bytes,
            target_bytes=target_bytes,
            minimum_bytes=minimum_bytes,
            maximum_parts=maximum_parts,
            copied=copied,
        )

    def read(self, start: int, stop: int, fetch: Fetch) -> Iterator[bytes | memoryview]:
        if start < 0 or stop < start:
            raise ValueError(f"not a range of an archive: {start} to {stop}")
        return self._read(start, min(stop, self._size_bytes), fetch)

    def _read(self, start: int, stop: int, fetch: Fetch) -> Iterator[bytes | memoryview]:
        first, last = self.members(start, stop)
        while first < last:
            full = int(np.searchsorted(self._offsets, self._offsets[first] + _BYTES_AT_ONCE, "right")) - 1
            until = min(last, first + _MEMBERS_AT_ONCE, max(full, first + 1))
            yield from self._read_members(first, until, start, stop, fetch)
            first = until
        if stop > self._tail_start:
            yield from self._tail(max(start - self._tail_start, 0), stop - self._tail_start)

    def _read_members(
        self, first: int, last: int, start: int, stop: int, fetch: Fetch
    ) -> Iterator[bytes | memoryview]:
        """The part of members [first, last) inside the range; runs for every member of every archive."""
        headers = memoryview(self._headers(first, last))
        header_bytes, stored = self._header_bytes[first:last], self._stored_bytes[first:last]
        begins = self._offsets[first:last] + header_bytes
        lows = np.clip(start - begins, 0, stored).tolist()
        highs = np.clip(stop - begins, 0, stored).tolist()
        # The range can cut only the first and the last header or padding.
        header_lows = np.clip(start - begins + header_bytes, 0, header_bytes).tolist()
        header_highs = np.clip(stop - begins + header_bytes, 0, header_bytes).tolist()
        content_ends = begins + stored
        padding = np.maximum(
            np.minimum(self._offsets[first + 1 : last + 1], stop) - np.maximum(content_ends, start), 0
        ).tolist()
        contents = _contents(fetch, _requests(first, lows, highs))
        position = 0
        for header, header_low, header_high, low, high, pad in zip(
            header_bytes.tolist(), header_lows, header_highs, lows, highs, padding, strict=True
        ):
            if header_high > header_low:
                yield headers[position + header_low : position + header_high]
            position += header
            while low < high:
                content = next(contents)
                low += len(content)
                yield content
            if pad:
                yield bytes(pad)


def _requests(first: int, lows: list[int], highs: list[int]) -> list[Request]:
    requests: list[Request] = []
    for member, (low, high) in enumerate(zip(lows, highs, strict=True), first):
        while low < high:
            stop = min(high, low + PIECE_BYTES)
            requests.append((member, low, stop))
            low = stop
    return requests


def _contents(fetch: Fetch, requests: list[Request]) -> Iterator[bytes | memoryview]:
    """The fetched contents, each exactly as long as requested."""
    if not requests:
        return
    answers = iter(fetch(requests))
    for member, low, high in requests:
        content = next(answers, b"")
        if len(content) != high - low:
            raise MemberMismatch(
                f"got {len(content)} bytes for [{low}, {high}) of member {member}; its object changed or was read in part"
            )
        yield content
