"""Keys: the names that an object may have, the same for every storage."""

import re

from storage_adapters.errors import InvalidKey

KEY_MAX_BYTES = 1024
SEGMENT_MAX_BYTES = 255

# One pass of a compiled pattern: this runs for every object of every dataset.
_SEGMENT = rb"(?!\.{1,2}(?:/|\Z))[^/\x00]{1,%d}" % SEGMENT_MAX_BYTES
_KEY = re.compile(rb"%b(?:/%b)*" % (_SEGMENT, _SEGMENT))


def check_key(key: str) -> str:
    """Return the key if it is relative UTF-8 of at most 1,024 bytes with whole segments of at most 255 bytes.

    Raises:
        InvalidKey: it is empty, too long, absolute, holds NUL, or has an empty, `.` or `..` segment.
    """
    try:
        encoded = key.encode()
    except UnicodeEncodeError as error:
        raise InvalidKey("The key is not valid Unicode.", key=key) from error
    if len(encoded) <= KEY_MAX_BYTES and _KEY.fullmatch(encoded):
        return key
    raise InvalidKey(_fault(encoded), key=key)


def check_prefix(prefix: str) -> str:
    """Return the prefix if some key could start with it; the empty prefix matches every key.

    Raises:
        InvalidKey: no key starts like this.
    """
    if "/" in prefix:
        check_key(prefix.rpartition("/")[0])
    return prefix


def check_directory(prefix: str) -> str:
    """Return the prefix without its final `/`.

    Raises:
        InvalidKey: it is empty or does not end in `/`, so deleting it could reach more than was meant.
    """
    if not prefix.endswith("/"):
        raise InvalidKey("The prefix to delete must end in '/'.", key=prefix)
    return check_key(prefix[:-1])


def _fault(encoded: bytes) -> str:
    """What is wrong with a key that was refused."""
    if not encoded:
        return "The key is empty."
    if len(encoded) > KEY_MAX_BYTES:
        return f"The key is longer than {KEY_MAX_BYTES} bytes."
    if b"\0" in encoded:
        return "The key holds a NUL character."
    segments = encoded.split(b"/")
    if any(len(segment) > SEGMENT_MAX_BYTES for segment in segments):
        return f"A segment of the key is longer than {SEGMENT_MAX_BYTES} bytes."
    return "The key has an empty, '.' or '..' segment, or begins or ends with '/'."
