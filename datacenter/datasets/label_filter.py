"""The label filter: selects files or rows by their labels."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LabelFilter:
    """Files with any of `any`, all of `all` and none of `none`; an empty condition matches every file."""

    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
