"""The Content-Disposition of a file that is saved, for any name a file can have (RFC 6266, RFC 8187)."""

import re
from urllib.parse import quote

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
OUTSIDE_FALLBACK = re.compile(r'[^ -~]|["\\%/]')
"""What old clients cannot read in a quoted string, or would read as something else."""


def attachment(filename: str) -> str:
    """`attachment` with the name in UTF-8 and an ASCII fallback; no control character of the name gets through."""
    name = UNPRINTABLE.sub("_", filename).strip() or "download"
    fallback = OUTSIDE_FALLBACK.sub("_", name)
    return f"attachment; filename=\"{fallback}\"; filename*=UTF-8''{quote(name, safe='')}"
