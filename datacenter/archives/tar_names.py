"""Decode the names of a tar as they come by: one encoding for all that do not declare theirs."""

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.name_encoding import legacy_encodings


class TarNames:
    """The first name that is not ASCII decides; every later one has to fit.

    A tar is read once, so its last names cannot vote on how its first are read.
    """

    def __init__(self, name_encoding: str | None) -> None:
        self._candidates = ("utf-8", *legacy_encodings(name_encoding))

    def decode(self, name: bytes, *, is_utf8: bool) -> str:
        """Strictly decode one name.

        Raises:
            ArchiveRejected: BAD_NAME, it is declared to be UTF-8 and is not; BAD_ENCODING, no encoding fits.
        """
        if name.isascii():
            return name.decode("ascii")
        if is_utf8:
            try:
                return name.decode()
            except UnicodeDecodeError as error:
                detail = "a name is declared to be UTF-8 and is not; pack the archive again"
                raise ArchiveRejected("BAD_NAME", detail, name) from error
        for encoding in self._candidates:
            try:
                text = name.decode(encoding)
            except UnicodeDecodeError:
                continue
            self._candidates = (encoding,)
            return text
        tried = ", ".join(self._candidates)
        raise ArchiveRejected(
            "BAD_ENCODING", f"a name does not fit {tried}; give name_encoding with the request", name
        )
