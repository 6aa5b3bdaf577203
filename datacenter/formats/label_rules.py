"""The rules for a label file: how much it may hold, what a label is, and which paths it may name."""

import re
from dataclasses import dataclass

from datacenter.formats.errors import LabelsInvalid

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class LabelLimits:
    """Bounds on the cost of reading a label file; it needs a small multiple of `file_bytes` of memory."""

    file_bytes: int = 128 * MIB
    line_bytes: int = MIB
    labels: int = 10_000
    """Different labels in one file."""


DEFAULT_LIMITS = LabelLimits()

LABEL_BYTES = 255
"""The longest label, in UTF-8."""


def broken_rule(label: str) -> str | None:
    """Why this stripped text cannot be a label, or None if it can."""
    if not label:
        return "a label is empty"
    if not label.isprintable() and any(_is_control(character) for character in label):
        return "a label holds a control character"
    try:
        size_bytes = len(label.encode())
    except UnicodeEncodeError:
        return "a label holds half a surrogate pair"
    return f"a label is longer than {LABEL_BYTES} bytes" if size_bytes > LABEL_BYTES else None


def _is_control(character: str) -> bool:
    number = ord(character)
    # Line and paragraph separators end a line for many programs, as CR and LF do.
    return number < 0x20 or 0x7F <= number < 0xA0 or number in (0x2028, 0x2029)


class LabelVocabulary:
    """The different labels so far; each is checked once, even if many files have it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: set[str] = set()

    def admit(self, raw: str, line: int) -> str:
        """The label, stripped and checked.

        Raises:
            LabelsInvalid: BAD_LABELS, it breaks a rule; TOO_MANY_LABELS, it is one more than the limit.
        """
        label = raw.strip()
        if label not in self._known:
            self._add(label, line)
        return label

    def _add(self, label: str, line: int) -> None:
        if reason := broken_rule(label):
            raise LabelsInvalid("BAD_LABELS", f"line {line}: {reason}", label)
        if len(self._known) >= self._limit:
            raise LabelsInvalid(
                "TOO_MANY_LABELS", f"line {line}: more than {self._limit} different labels", label
            )
        self._known.add(label)


# One search separates plain paths, nearly all, from those that need more checks.
_SUSPICIOUS = re.compile(r"[\\:\x00-\x1f\x7f-\x9f]|^/|//|(?:^|/)\.\.?(?:/|$)|/$|^$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DRIVE_OR_SCHEME = re.compile(r"^[A-Za-z]:|^[A-Za-z][A-Za-z0-9+.-]*:/")


def safe_reference(raw: str, line: int) -> str:
    """The path with `/` between its segments, without `.` and empty segments.

    Raises:
        LabelsInvalid: UNSAFE_REFERENCE, it is absolute, leads upwards with `..`, names a drive, a host or a
            URL, or holds control characters; BAD_LABELS, it is empty.
    """
    if _SUSPICIOUS.search(raw) is None:
        return raw
    if _CONTROL.search(raw):
        raise LabelsInvalid("UNSAFE_REFERENCE", f"line {line}: the path holds a control character", raw)
    path = raw.replace("\\", "/")
    if path.startswith("/") or _DRIVE_OR_SCHEME.match(path):
        raise LabelsInvalid(
            "UNSAFE_REFERENCE", f"line {line}: the path is not relative to the label file", raw
        )
    segments = [segment for segment in path.split("/") if segment not in ("", ".")]
    if ".." in segments:
        raise LabelsInvalid("UNSAFE_REFERENCE", f"line {line}: the path leaves the dataset", raw)
    if not segments:
        raise LabelsInvalid("BAD_LABELS", f"line {line}: the path is empty", raw)
    return "/".join(segments)
