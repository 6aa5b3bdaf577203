"""Decode the names of a tar as they come by: one encoding for all that do not declare theirs."""

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.name_encoding import legacy_encodings


class NamesMisread(Exception):
    """The names until now were read in an encoding that a later one refutes: read the tar again, with the same names."""


class TarNames:
    """Reads names in the first encoding that fits all of them so far.

    Short GBK names can be UTF-8 by chance, so a later name may refute what earlier ones were read in. This is rare:
    the tar is read again then, and the encodings that were refuted stay so.
    """

    def __init__(self, name_encoding: str | None) -> None:
        self._fitting = self._tried = legacy_encodings(name_encoding)
        self._has_read = False

    def decode(self, name: bytes, *, is_utf8: bool) -> str:
        """Strictly decode one name.

        Raises:
            ArchiveRejected: BAD_NAME, it is declared to be UTF-8 and is not; BAD_ENCODING, no encoding fits all names.
            NamesMisread: an encoding fits all names, but not the one that earlier names were read in.
        """
        if name.isascii():
            return name.decode("ascii")
        if is_utf8:
            try:
                return name.decode()
            except UnicodeDecodeError as error:
                detail = "a name is declared to be UTF-8 and is not; pack the archive again"
                raise ArchiveRejected("BAD_NAME", detail, name) from error
        readings = {
            encoding: text for encoding in self._fitting if (text := _read(name, encoding)) is not None
        }
        if not readings:
            detail = f"the names fit none of {', '.join(self._tried)}; give name_encoding with the request"
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
