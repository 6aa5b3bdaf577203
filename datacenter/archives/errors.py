"""The errors of archives, each with a stable code and the name of the entry that is wrong."""

import unicodedata
from collections.abc import Mapping
from typing import Literal

from datacenter.errors import CodeMeaning

ArchiveCode = Literal[
    "UNSAFE_PATH",
    "BAD_NAME",
    "UNSUPPORTED_TYPE",
    "BAD_ARCHIVE",
    "TOO_LARGE",
    "TOO_MANY",
    "OVERLAP",
    "DUPLICATE",
    "NAME_COLLISION",
    "BAD_ENCODING",
    "ZIP_AMBIGUOUS",
    "ENCRYPTED",
    "UNSUPPORTED",
    "CORRUPT",
]

ARCHIVE_CODES: Mapping[ArchiveCode, CodeMeaning] = {
    "UNSAFE_PATH": CodeMeaning(
        meaning="A name in the archive is absolute or leads out of it with `..`.",
        cure="Pack the files with relative names.",
    ),
    "BAD_NAME": CodeMeaning(
        meaning="A name is empty, too long, too deep, holds a control character, or an entry has two different names.",
        cure="Rename the file, then pack again.",
    ),
    "UNSUPPORTED_TYPE": CodeMeaning(
        meaning="An entry is neither a regular file nor a directory: a link, a device, a sparse file.",
        cure="Replace it by a regular file, or leave it out; then pack again.",
    ),
    "BAD_ARCHIVE": CodeMeaning(
        meaning="The file is not an archive, or breaks the rules of its format.",
        cure="Pack the files as zip, tar, tar.gz or tar.zst.",
    ),
    "TOO_LARGE": CodeMeaning(
        meaning="A file, all files together, or the archive's directory is over its limit once unpacked.",
        cure="Split the archive. The operator can raise the limits (`limits` in the settings).",
    ),
    "TOO_MANY": CodeMeaning(
        meaning="There are more files than one import may have.",
        cure="Split the archive or the prefix. The operator can raise `limits.entries`.",
    ),
    "OVERLAP": CodeMeaning(
        meaning="Two entries of a zip share bytes, as those of a zip bomb do.",
        cure="Pack the files again with another program.",
    ),
    "DUPLICATE": CodeMeaning(
        meaning="Two files have the same name.",
        cure="Rename or remove one, then pack again.",
    ),
    "NAME_COLLISION": CodeMeaning(
        meaning="One name is used as a file and as a directory.",
        cure="Rename one of them, then pack again.",
    ),
    "BAD_ENCODING": CodeMeaning(
        meaning="Names cannot be read in the encoding that the request names, or in any that is tried.",
        cure="Import again with the right `name_encoding`, for example gb18030, big5 or cp932.",
    ),
    "ZIP_AMBIGUOUS": CodeMeaning(
        meaning="Two programs could read this zip differently: its directory and its entries disagree.",
        cure="Pack the files again with another program.",
    ),
    "ENCRYPTED": CodeMeaning(
        meaning="An entry is encrypted.",
        cure="Pack the files without a password.",
    ),
    "UNSUPPORTED": CodeMeaning(
        meaning="The archive uses a feature that is not read: several disks, a patch, another method than deflate.",
        cure="Pack the files as one plain zip or tar.",
    ),
    "CORRUPT": CodeMeaning(
        meaning="The archive is damaged or cut off: a checksum is wrong, or bytes are missing.",
        cure="Test the archive, pack it again if it is broken, then upload it again.",
    ),
}
"""Every code, for the page of errors."""

ESCAPED_NAME_CHARACTERS = 200


class ArchiveRejected(Exception):
    """The archive breaks a rule, and nothing of it may become visible. A retry gives the same result."""

    retryable = False

    def __init__(self, code: ArchiveCode, detail: str, entry: str | bytes | None = None) -> None:
        self.code: ArchiveCode = code
        self.detail = detail
        self.entry = None if entry is None else escaped_name(entry)
        super().__init__(code, detail, self.entry)

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" + (f" (entry: {self.entry})" if self.entry is not None else "")

    def __reduce__(self) -> tuple[type["ArchiveRejected"], tuple[ArchiveCode, str, str | None]]:
        # Workers send errors to their parent by pickle; the default would lose the keyword state.
        return type(self), (self.code, self.detail, self.entry)


class MemberMismatch(Exception):
    """A fetch did not return the bytes that the layout expects of a member; the archive must not be published."""

    retryable = True


def escaped_name(name: str | bytes) -> str:
    """A name that is safe to print anywhere: at most 200 characters, all of them visible.

    Bytes that are not UTF-8 become `\\xNN`, as do control characters; bidirectional marks and other
    invisible characters become `\\uNNNN`.
    """
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name
    # One character more than fits, to see whether the name is cut.
    shown = "".join(map(_escaped_character, text[: ESCAPED_NAME_CHARACTERS + 1]))
    return shown if len(shown) <= ESCAPED_NAME_CHARACTERS else shown[: ESCAPED_NAME_CHARACTERS - 1] + "…"


def _escaped_character(character: str) -> str:
    if character.isprintable() and unicodedata.category(character)[0] != "C":
        return character
    number = ord(character)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
