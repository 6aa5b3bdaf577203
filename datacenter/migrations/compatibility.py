"""Which schemas a release works with: its own, and newer ones that still serve it, so that releases can change in turn.

A change is made in steps. *Expand* adds tables, columns that may be empty and indexes, which code that does not know them
never notices. *Migrate*: the next release uses them and fills them. *Contract* takes away what no release that still runs
uses. A migration that takes something away says in its revision which code it still serves, and so do all after it:
`0012_since_0009` serves every release that knows revision 0009.
"""

import re
from collections.abc import Sequence

REVISION = re.compile(r"(?P<number>\d{4})(?:_since_(?P<since>\d{4}))?")


def why_not(found: str | None, known: Sequence[str]) -> str | None:
    """Why the release that knows these revisions, oldest first, cannot work with the schema found; None when it can."""
    newest = known[-1]
    if found == newest:
        return None
    if found is None or found in known:
        return f"the schema is {found or 'empty'}, this release needs {newest}; run `datacenter migrate`"
    if not REVISION.fullmatch(found):
        return f"the schema is {found}, which is none of the data centre's; name a database of its own"
    if number_of(found) > number_of(newest) >= since_of(found):
        return None
    return f"the schema is {found}, which is too new for this release, {newest}; run a newer release"


def number_of(revision: str) -> int:
    """The place of a revision in the order of all."""
    return int(_parts(revision)["number"])


def since_of(revision: str) -> int:
    """The oldest revision whose code a schema serves; 0 when nothing was ever taken away."""
    return int(_parts(revision)["since"] or 0)


def _parts(revision: str) -> re.Match[str]:
    found = REVISION.fullmatch(revision)
    if found is None:
        raise ValueError(f"{revision} must be four digits, or 0012_since_0009 if something was taken away")
    return found
