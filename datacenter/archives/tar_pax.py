"""Read the records of a pax extended header: what overrides the header that follows.

Source: POSIX.1-2024, pax, "pax Extended Header".
"""

from dataclasses import dataclass

from datacenter.archives.errors import ArchiveRejected

MOST_PAX_BYTES = 1024**2
_INT64_MAX = 2**63 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class PaxOverrides:
    """The records that change what a member is; times, owners and attributes are dropped."""

    path: bytes | None = None
    is_binary: bool = False
    """The path is in no declared encoding; otherwise it is UTF-8."""
    size_bytes: int | None = None


def read_pax(data: bytes) -> PaxOverrides:
    """Parse all records.

    Raises:
        ArchiveRejected: BAD_ARCHIVE, or UNSUPPORTED_TYPE for a sparse file.
    """
    found: dict[bytes, bytes] = {}
    position = 0
    while position < len(data):
        keyword, value, position = _record(data, position)
        if keyword.startswith(b"GNU.sparse."):
            raise ArchiveRejected("UNSUPPORTED_TYPE", "a file is stored sparsely; pack it as a regular file")
        if keyword in (b"path", b"size", b"hdrcharset"):
            if keyword in found:
                raise _bad("says two things about one file")
            found[keyword] = value
    if not data:
        raise _bad("is empty")
    return PaxOverrides(
        path=found.get(b"path"),
        is_binary=found.get(b"hdrcharset") == b"BINARY",
        size_bytes=_size(found.get(b"size")),
    )


def _record(data: bytes, start: int) -> tuple[bytes, bytes, int]:
    """Keyword, value and where the next record starts. A record is `LENGTH keyword=value` and a line feed."""
    space = data.find(b" ", start, start + 8)
    digits = data[start:space]
    if space < 0 or not digits.isdigit():
        raise _bad("is damaged")
    stop = start + int(digits)
    keyword, equals, value = data[space + 1 : stop - 1].partition(b"=")
    if not (space < stop <= len(data) and data[stop - 1] == ord("\n") and equals and keyword):
        raise _bad("is damaged")
    return keyword, value, stop


def _size(value: bytes | None) -> int | None:
    if value is None:
        return None
    if not (value.isdigit() and len(value) < 20 and int(value) <= _INT64_MAX):
        raise _bad("gives no valid size")
    return int(value)


def _bad(problem: str) -> ArchiveRejected:
    return ArchiveRejected("BAD_ARCHIVE", f"an extended header {problem}; pack the archive again")
