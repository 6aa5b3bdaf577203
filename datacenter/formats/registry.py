"""The label formats by name: which files they live in, what reads them, what writes them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Protocol

import pyarrow as pa

from datacenter.formats import csv_labels, jsonl_labels
from datacenter.formats.csv_labels import CsvWriter
from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.jsonl_labels import JsonlWriter
from datacenter.formats.limits import LabelLimits


class LabelWriter(Protocol):
    """Writes the columns `path`, `labels` and `annotation` (JSON text or null) of record batches.

    The file is `head() + rows(batch) + rows(batch) … + tail()`. The same rows always give the same bytes,
    however they are cut into batches.
    """

    filename: ClassVar[str]

    def head(self) -> bytes:
        """What comes before the first row."""
        ...

    def rows(self, batch: pa.RecordBatch) -> bytes:
        """The rows of a batch."""
        ...

    def tail(self) -> bytes:
        """What comes after the last row."""
        ...


FOLDERS = "folders"
"""Labels from the paths themselves; needs no label file."""


class LabelReader(Protocol):
    """Reads a label file into a label table, each path with `base` before it."""

    def __call__(self, chunks: Iterable[bytes], base: str = ..., limits: LabelLimits = ...) -> pa.Table:
        """Raises LabelsInvalid, naming the line."""
        ...


@dataclass(frozen=True, kw_only=True)
class LabelFormat:
    """A format that keeps labels in a file of their own."""

    filenames: Sequence[str]
    """Where an import looks for it, best first."""
    read: LabelReader
    writer: type[LabelWriter]


FORMATS: Mapping[str, LabelFormat] = MappingProxyType(
    {
        "jsonl": LabelFormat(
            filenames=("labels.jsonl", "metadata.jsonl"), read=jsonl_labels.read_labels, writer=JsonlWriter
        ),
        "csv": LabelFormat(
            filenames=("labels.csv", "metadata.csv"), read=csv_labels.read_labels, writer=CsvWriter
        ),
    }
)


def label_format(name: str) -> LabelFormat:
    """The format of this name.

    Raises:
        LabelsInvalid: BAD_LABELS, naming the formats there are.
    """
    if name not in FORMATS:
        known = ", ".join((FOLDERS, *FORMATS))
        raise LabelsInvalid(
            "BAD_LABELS", f"this label format is not supported yet; supported are {known}", name
        )
    return FORMATS[name]


def reader_for(name: str) -> LabelReader:
    """What reads a label file of this format. Raises LabelsInvalid for an unknown one."""
    return label_format(name).read


def writer_for(name: str) -> LabelWriter:
    """A writer of this format. Raises LabelsInvalid for an unknown one."""
    return label_format(name).writer()
