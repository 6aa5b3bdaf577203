"""What can be wrong with an archive, each with a stable code and the name of the entry it was found at."""

import unicodedata
from typing import Literal

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
    "UNSAFE_REFERENCE",
]

ESCAPED_NAME_CHARACTERS = 200


class ArchiveRejected(Exception):
    """The archive breaks a rule; nothing of it may become visible. Trying again gives the same answer."""

    retryable = False

    def __init__(self, code: ArchiveCode, detail: str, entry: str | bytes | None = None) -> None:
        self.code: ArchiveCode = code
        self.detail = detail
        self.entry = None if entry is None else escaped_name(entry)
        super().__init__(code, detail, self.entry)

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" + (f" (entry: {self.entry})" if self.entry is not None else "")

    def __reduce__(self) -> tuple[type["ArchiveRejected"], tuple[ArchiveCode, str, str | None]]:
        # Workers hand errors to their parent by pickle; the default would lose the keyword state.
        return type(self), (self.code, self.detail, self.entry)


class MemberMismatch(Exception):
    """What a fetch delivered is not what the layout was told about the member; the archive must not be published."""

    retryable = True


def escaped_name(name: str | bytes) -> str:
    """A name that is safe to print anywhere: at most 200 characters, nothing in it but what can be seen.

    Bytes that are no UTF-8 become `\\xNN`, as do control characters; bidirectional marks and other
    characters without a picture become `\\uNNNN`.
    """
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name
    # One character too many is kept so that a cut can be seen.
    shown = "".join(map(_escaped_character, text[: ESCAPED_NAME_CHARACTERS + 1]))
    return shown if len(shown) <= ESCAPED_NAME_CHARACTERS else shown[: ESCAPED_NAME_CHARACTERS - 1] + "…"


def _escaped_character(character: str) -> str:
    if character.isprintable() and unicodedata.category(character)[0] != "C":
        return character
    number = ord(character)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
