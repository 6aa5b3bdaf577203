"""The encoding of the names in an archive: one for all names that do not declare UTF-8."""

import codecs
from collections.abc import Sequence
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from datacenter.archives.arrow_bytes import byte_strings
from datacenter.archives.errors import ArchiveRejected

_GUESSES = ("utf-8", "gb18030")
# ASCII bytes mean ASCII in all of them, and they keep no state between characters; an archive needs both.
LEGACY_ENCODINGS = frozenset(
    [
        "ascii",
        "utf-8",
        "gb18030",
        "gbk",
        "gb2312",
        "big5",
        "big5hkscs",
        "cp950",
        "shift_jis",
        "cp932",
        "euc_jp",
        "euc_kr",
        "cp949",
        "johab",
        "tis-620",
        "cp874",
        "cp437",
        "cp737",
        "cp775",
        "cp850",
        "cp852",
        "cp855",
        "cp857",
        "cp858",
        "cp862",
        "cp866",
        "cp1250",
        "cp1251",
        "cp1252",
        "cp1253",
        "cp1254",
        "cp1255",
        "cp1256",
        "cp1257",
        "cp1258",
        "iso8859-1",
        "iso8859-2",
        "iso8859-5",
        "iso8859-7",
        "iso8859-8",
        "iso8859-9",
        "iso8859-15",
        "koi8-r",
        "koi8-u",
    ]
)


def legacy_encodings(requested: str | None) -> tuple[str, ...]:
    """The encodings to try, in this order, for names that do not declare UTF-8.

    The requested encoding comes before any guess: GBK can be UTF-8 by chance, and most Big5 reads as (wrong) GB18030.

    Raises:
        ArchiveRejected: BAD_ENCODING, the requested encoding is not supported.
    """
    if requested is None:
        return _GUESSES
    try:
        name = codecs.lookup(requested).name
    except LookupError:
        name = ""
    if name not in LEGACY_ENCODINGS:
        raise ArchiveRejected(
            "BAD_ENCODING", f"name_encoding {requested[:40]!r} is not supported; try gb18030, big5 or cp932"
        )
    return (name, *(guess for guess in _GUESSES if guess != name))


def decode_names(
    batches: Sequence[pa.BinaryArray], says_utf8: Sequence[pa.BooleanArray], requested: str | None
) -> list[pa.StringArray]:
    """Decode all names of one archive strictly, in one encoding for all that are not marked as UTF-8.

    Raises:
        ArchiveRejected: BAD_NAME, a name is marked as UTF-8 and is not; BAD_ENCODING, no encoding fits.
    """
    encodings = legacy_encodings(requested)
    decoded = [_as_utf8(names) for names in batches]
    if encodings[0] == "utf-8" and all(names is not None for names in decoded):
        return cast(list[pa.StringArray], decoded)
    for names, marks, good in zip(batches, says_utf8, decoded, strict=True):
        if good is None:
            _check_marked(names.filter(marks))
    for encoding in encodings:
        try:
            return [
                _as_legacy(names, marks, encoding) for names, marks in zip(batches, says_utf8, strict=True)
            ]
        except UnicodeDecodeError as error:
            problem = error
    tried = ", ".join(encodings)
    raise ArchiveRejected(
        "BAD_ENCODING",
        f"the names cannot be read as {tried}; set name_encoding in the request",
        problem.object,
    )


def _as_utf8(names: pa.BinaryArray) -> pa.StringArray | None:
    try:
        return cast(pa.StringArray, names.cast(pa.string()))
    except pa.ArrowInvalid:
        return None


def _check_marked(names: pa.BinaryArray) -> None:
    for name in byte_strings(names):
        try:
            name.decode()
        except UnicodeDecodeError:
            raise ArchiveRejected(
                "BAD_NAME", "a name is marked as UTF-8 and is not; pack the archive again", name
            ) from None


def _as_legacy(names: pa.BinaryArray, marks: pa.BooleanArray, encoding: str) -> pa.StringArray:
    """Decode marked names as UTF-8, all others in the encoding."""
    unmarked = pc.invert(marks)
    decoded = pa.array([name.decode(encoding) for name in byte_strings(names.filter(unmarked))], pa.string())
    # A placeholder, so that the cast sees no name that is not UTF-8.
    readable = pc.if_else(marks, names, pa.scalar(b"", pa.binary())).cast(pa.string())
    return cast(pa.StringArray, pc.replace_with_mask(readable, unmarked, decoded))
