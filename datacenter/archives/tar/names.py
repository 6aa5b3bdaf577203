"""Decode the names of a tar during one pass: one encoding for all that do not declare theirs."""

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.name_encoding import legacy_encodings


class NamesMisread(Exception):
    """A later name does not fit the encoding used so far: read the tar again, with the same `TarNames`."""


class TarNames:
    """Reads names in the first encoding that fits all of them so far.

    Short GBK names can be UTF-8 by chance, so a later name may rule out the encoding of earlier ones. This is rare:
    the tar is then read again, without the encodings that are ruled out.
    """

    def __init__(self, name_encoding: str | None) -> None:
        self._fitting = self._tried = legacy_encodings(name_encoding)
        self._has_read = False

    def decode(self, name: bytes, *, is_utf8: bool) -> str:
        """Strictly decode one name.

        Raises:
            ArchiveRejected: BAD_NAME, the name is declared as UTF-8 and is not; BAD_ENCODING, no encoding fits all names.
            NamesMisread: an encoding fits all names, but not the encoding of the earlier names.
        """
        if name.isascii():
            return name.decode("ascii")
        if is_utf8:
            try:
                return name.decode()
            except UnicodeDecodeError as error:
                detail = "a name is declared as UTF-8 and is not; pack the archive again"
                raise ArchiveRejected("BAD_NAME", detail, name) from error
        readings = {
            encoding: text for encoding in self._fitting if (text := _read(name, encoding)) is not None
        }
        if not readings:
            detail = f"the names cannot be read as {', '.join(self._tried)}; set name_encoding in the request"
            raise ArchiveRejected("BAD_ENCODING", detail, name)
        before, self._fitting = self._fitting[0], tuple(readings)
        if self._has_read and self._fitting[0] != before:
            raise NamesMisread
        self._has_read = True
        return readings[self._fitting[0]]


def _read(name: bytes, encoding: str) -> str | None:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:
        return None
