"""Lines of a label file from chunks of any size, with a bound on each line and on the whole."""

from collections.abc import Iterable, Iterator

from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.label_rules import LabelLimits


def bounded(chunks: Iterable[bytes], limits: LabelLimits) -> Iterator[bytes]:
    """The same chunks; raises BAD_LABELS before it yields more bytes than a label file may have."""
    size_bytes = 0
    for chunk in chunks:
        size_bytes += len(chunk)
        if size_bytes > limits.file_bytes:
            raise LabelsInvalid("BAD_LABELS", f"the label file is larger than {limits.file_bytes} bytes")
        yield chunk


def byte_lines(chunks: Iterable[bytes], limits: LabelLimits) -> Iterator[bytes]:
    """Lines without their newline; the last one may lack it. Raises BAD_LABELS at a line that is too long."""
    rest, number = b"", 1
    for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            _check_length(len(line), number, limits)
            yield line
            number += 1
        _check_length(len(rest), number, limits)
    if rest:
        yield rest


def _check_length(length: int, number: int, limits: LabelLimits) -> None:
    if length > limits.line_bytes:
        raise LabelsInvalid("BAD_LABELS", f"line {number} is longer than {limits.line_bytes} bytes")
