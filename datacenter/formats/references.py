"""References: the paths in a label file, made comparable with those of the dataset, or rejected."""

import re

from datacenter.formats.errors import LabelsInvalid

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
