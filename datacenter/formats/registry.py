"""The label formats by name, and the only list of them: a new format is its files and a row here.

The reader and writer of a format are imported only when needed, so that the command line can list the formats quickly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.label_rules import LabelLimits

if TYPE_CHECKING:
    import pyarrow as pa


class LabelWriter(Protocol):
    """Writes the columns `path`, `labels` and `annotation` (JSON text or null) of record batches.

    The file is `head() + rows(batch) + rows(batch) … + tail()`. The same rows always give the same bytes,
    however they are cut into batches.
    """

    filename: ClassVar[str]

    def head(self) -> bytes:
        """The bytes before the first row."""
        ...

    def rows(self, batch: "pa.RecordBatch") -> bytes:
        """The rows of a batch."""
        ...

    def tail(self) -> bytes:
        """The bytes after the last row."""
        ...


FOLDERS = "folders"
"""Labels from the paths themselves; needs no label file."""
ANNOUNCED = ("coco", "voc", "yolo", FOLDERS)
"""Names that the interface reserves. Until a format is written, its name is "not supported yet", not unknown."""


class LabelReader(Protocol):
    """Reads a label file into a label table, each path with `base` before it."""

    def __call__(self, chunks: Iterable[bytes], base: str = ..., limits: LabelLimits = ...) -> "pa.Table":
        """Raises LabelsInvalid, naming the line."""
        ...


@dataclass(frozen=True, kw_only=True)
class LabelFormat:
    """A format that keeps labels in a file of their own."""

    filenames: Sequence[str]
    """The names that an import searches for, best first; an export writes the first."""
    reader: str
    """A `LabelReader`, as `module:function`."""
    writer: str
    """A `LabelWriter`, as `module:class`."""


FORMATS: Mapping[str, LabelFormat] = MappingProxyType(
    {
        "jsonl": LabelFormat(
            filenames=("labels.jsonl", "metadata.jsonl"),
            reader="datacenter.formats.jsonl_labels:read_labels",
            writer="datacenter.formats.jsonl_labels:JsonlWriter",
        ),
        "csv": LabelFormat(
            filenames=("labels.csv", "metadata.csv"),
            reader="datacenter.formats.csv_labels:read_labels",
            writer="datacenter.formats.csv_labels:CsvWriter",
        ),
    }
)


def imported_formats() -> list[str]:
    """The names that an import accepts."""
    return [FOLDERS, *FORMATS]


def exported_formats() -> list[str]:
    """The names that an export accepts; the first is the default."""
    return list(FORMATS)


def label_format(name: str) -> LabelFormat:
    """The format with this name.

    Raises:
        LabelsInvalid: BAD_LABELS, the name is unknown; the message lists the known ones.
    """
    if name not in FORMATS:
        known = ", ".join(imported_formats())
        raise LabelsInvalid("BAD_LABELS", f"this label format is not supported yet; use one of {known}", name)
    return FORMATS[name]


def reader_for(name: str) -> LabelReader:
    """The reader of this format. Raises LabelsInvalid for an unknown one."""
    return cast(LabelReader, _load(label_format(name).reader))


def writer_for(name: str) -> LabelWriter:
    """A writer of this format. Raises LabelsInvalid for an unknown one."""
    return cast("type[LabelWriter]", _load(label_format(name).writer))()


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)
