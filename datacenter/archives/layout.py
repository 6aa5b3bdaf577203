"""The exact byte plan of an archive before any byte of it exists."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

MAX_PARTS = 10_000
"""Source: S3 accepts part numbers 1 to 10,000."""

Request: TypeAlias = tuple[int, int, int]
"""Member number, first byte, byte after the last, within the stored content of the member."""

Fetch: TypeAlias = Callable[[list[Request]], Iterator[bytes | memoryview]]
"""Takes many ranges at once, so that a storage can read them together; yields one item a request, in order.

A request is never empty and never larger than `PIECE_BYTES`.
"""

PIECE_BYTES = 4 * 1024**2


class Content(NamedTuple):
    """The position of a member's stored content in the archive, without header and padding: bytes [start, stop)."""

    member: int
    start: int
    stop: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchivePartPlan:
    """Bytes [start, stop) of the archive, as part `number` (from 1) of a multipart upload."""

    number: int
    start: int
    stop: int
    member: int | None = None
    """The member, if the part is only a span of its content, so that a storage can copy it."""

    @property
    def size_bytes(self) -> int:
        return self.stop - self.start


class ArchiveLayout(Protocol):
    """The same members give the same bytes, every time, in any process."""

    @property
    def size_bytes(self) -> int:
        """The length of the archive, to the byte."""
        ...

    @property
    def files(self) -> int: ...

    def member_offset(self, member: int) -> int:
        """Where the record of a member starts (its header); member `files` is where the last one ends."""
        ...

    def members(self, start: int, stop: int) -> tuple[int, int]:
        """The members [first, last) that have a byte in [start, stop); first == last if there is no such member."""
        ...

    def read(self, start: int, stop: int, fetch: Fetch) -> Iterator[bytes | memoryview]:
        """The bytes [start, stop) of the archive in pieces; a `stop` beyond the end means the end.

        Raises:
            MemberMismatch: a fetch returned another number of bytes than requested.
            ValueError: the range is negative.
        """
        ...

    def content(self, member: int) -> Content:
        """The position of a member's content."""
        ...

    def contents(self, min_bytes: int) -> Iterator[Content]:
        """The contents of the members with at least `min_bytes` stored, in order."""
        ...

    def parts(
        self,
        target_bytes: int,
        minimum_bytes: int = 0,
        maximum_parts: int = MAX_PARTS,
        copied: Sequence[Content] = (),
    ) -> list[ArchivePartPlan]:
        """Cut the archive into parts that cover every byte once, at the borders of members where possible.

        No part is larger than the target (which grows until `maximum_parts` suffice), none but the last is smaller
        than `minimum_bytes`. Cuts inside are made only in the directory at the end and in members that are larger
        than the target, or than what is left of it above the minimum.

        `copied` are contents that a storage can copy, in order. Those of at least the target and at least twice
        the minimum become parts of their own, except for a beginning or an end smaller than the minimum: these
        belong to the part that is written before or after.
        """
        ...
