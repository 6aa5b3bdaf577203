"""The errors of labels and table formats, each with a stable code and the value that is wrong."""

from collections.abc import Mapping
from typing import Literal

from datacenter.errors import CodeMeaning

LabelsCode = Literal["BAD_LABELS", "UNSAFE_REFERENCE", "TOO_MANY_LABELS"]
LABELS_CODES: Mapping[LabelsCode, CodeMeaning] = {
    "BAD_LABELS": CodeMeaning(
        meaning="A label file or a label column cannot be read as labels; the message names the line.",
        cure="Correct the line or the column, or name another `label_format` or `label_column`.",
    ),
    "UNSAFE_REFERENCE": CodeMeaning(
        meaning="A path in a label file is absolute or leads out of the dataset.",
        cure="Use paths relative to the label file.",
    ),
    "TOO_MANY_LABELS": CodeMeaning(
        meaning="There are more different labels than a dataset may have.",
        cure="Check that the column or folder is a label and not an id. The operator can raise `limits.labels`.",
    ),
}
"""Every code, for the page of errors."""

SHOWN_CHARACTERS = 200


class LabelsInvalid(Exception):
    """The labels cannot be used; a retry gives the same result.

    `detail` names the line, if there is one; `entry` shows the wrong value, safe to print.
    """

    retryable = False

    def __init__(self, code: LabelsCode, detail: str, entry: str | None = None) -> None:
        self.code: LabelsCode = code
        self.detail = detail
        self.entry = None if entry is None else shown(entry)
        super().__init__(code, detail, self.entry)

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" + (f" (entry: {self.entry})" if self.entry is not None else "")


class ColumnNotWritable(Exception):
    """A table format cannot hold a column; `detail` names the column and a format that can."""

    retryable = False
    code: Literal["COLUMN_UNSUPPORTED"] = "COLUMN_UNSUPPORTED"
    entry = None

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(detail)


def shown(text: str) -> str:
    """The text with invisible characters escaped, cut to 200 characters."""
    head = text[: SHOWN_CHARACTERS + 1]
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in head)
    return escaped if len(escaped) <= SHOWN_CHARACTERS else escaped[: SHOWN_CHARACTERS - 1] + "…"
