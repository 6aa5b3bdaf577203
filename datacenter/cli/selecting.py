"""Options that several commands share."""

from typing import Annotated

import typer

from datacenter.client import LabelFilter

LabelOption = Annotated[
    list[str] | None,
    typer.Option("--label", "-l", help="Only files with this label; repeat it for any of several."),
]
RequireOption = Annotated[
    list[str] | None,
    typer.Option("--require-label", help="Only files that have this label; repeat it for all of several."),
]
ExcludeOption = Annotated[list[str] | None, typer.Option("--exclude-label", help="No file with this label.")]
WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the job is done.")]
DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="A dataset's name or id.")]


def label_filter(
    any_of: list[str] | None, all_of: list[str] | None, none_of: list[str] | None
) -> LabelFilter:
    """The filter that the options describe."""
    return LabelFilter(any=tuple(any_of or ()), all=tuple(all_of or ()), none=tuple(none_of or ()))
