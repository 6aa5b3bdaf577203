"""The rules for a label: stripped, not empty, at most 255 bytes of UTF-8, no control characters."""

from datacenter.formats.errors import LabelsInvalid

LABEL_BYTES = 255


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
