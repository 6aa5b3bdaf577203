"""The encoding of a text made by people: UTF-8, or GB18030 where that cannot be."""

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain

from datacenter.formats.errors import LabelsInvalid

WINDOW_BYTES = 8 << 20
"""So much text from the first line that is not ASCII decides. Short GB18030 texts can be valid UTF-8 by chance
(some single Chinese characters are), so that deciding at that line alone would be wrong too often."""

NumberedLine = tuple[int, bytes]


def text_lines(lines: Iterable[bytes]) -> Iterator[str]:
    """The lines as text, without a byte order mark; holds at most one window of them.

    Raises:
        LabelsInvalid: BAD_LABELS, naming the line, where the encoding of the text does not hold.
    """
    source = enumerate(lines, 1)
    for number, line in source:
        if line.isascii():
            yield line.decode("ascii")
            continue
        window = _window((number, line), source)
        encoding = _encoding(window)
        for later, text in chain(window, source):
            yield _decoded(text, later, encoding)


def _window(first: NumberedLine, source: Iterator[NumberedLine]) -> list[NumberedLine]:
    window, size_bytes = [first], len(first[1])
    while size_bytes < WINDOW_BYTES and (line := next(source, None)):
        window.append(line)
        size_bytes += len(line[1])
    return window


def _encoding(window: list[NumberedLine]) -> str:
    number, line = window[0]
    if number == 1 and line.startswith(codecs.BOM_UTF8):
        window[0] = (number, line.removeprefix(codecs.BOM_UTF8))
        return "utf-8"
    try:
        for _, line in window:
            line.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def _decoded(line: bytes, number: int, encoding: str) -> str:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        reason = f"line {number} is neither UTF-8 nor GB18030 like the rest of the file; save it as UTF-8"
        raise LabelsInvalid("BAD_LABELS", reason, line[:200].decode("ascii", "backslashreplace")) from error
