"""Schema compatibility: a release works with its own schema and with newer compatible ones, for rolling upgrades.

A change is made in steps. *Expand* adds tables, nullable columns and indexes, which older code ignores. *Migrate*: the
next release uses them and fills them. *Contract* removes what no running release uses any more. A migration that removes
something names in its revision the oldest code that it supports, and so do all later ones: `0012_since_0009` supports
every release that knows revision 0009.
"""

import re
from collections.abc import Sequence

REVISION = re.compile(r"(?P<number>\d{4})(?:_since_(?P<since>\d{4}))?")


def why_not(found: str | None, known: Sequence[str]) -> str | None:
    """Why a release with these revisions, oldest first, cannot work with the schema found; None if it can."""
    newest = known[-1]
    if found == newest:
        return None
    if found is None or found in known:
        return f"the schema is {found or 'empty'}, this release needs {newest}; run `datacenter migrate`"
    if not REVISION.fullmatch(found):
        return f"the schema is {found}, which is not the data centre's; use a separate database"
    if number_of(found) > number_of(newest) >= since_of(found):
        return None
    return f"the schema is {found}, which is too new for this release, {newest}; run a newer release"


def number_of(revision: str) -> int:
    """The position of a revision in the order of all."""
    return int(_parts(revision)["number"])


def since_of(revision: str) -> int:
    """The oldest revision whose code the schema supports; 0 if nothing was ever removed."""
    return int(_parts(revision)["since"] or 0)


def _parts(revision: str) -> re.Match[str]:
    found = REVISION.fullmatch(revision)
    if found is None:
        raise ValueError(f"{revision} must be four digits, or like 0012_since_0009 if it removes something")
    return found
