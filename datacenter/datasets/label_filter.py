"""The label filter: which files or rows a selection takes, by their labels."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class LabelFilter:
    """Files with any of `any`, all of `all` and none of `none`; an empty condition lets every file through."""

    any: tuple[str, ...] = ()
    all: tuple[str, ...] = ()
    none: tuple[str, ...] = ()
