"""The label formats by name, and the only list of them: a new format is its files and a row here.

What reads and writes a format is imported only when it is asked for, so that the command line can name the formats.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from datacenter.formats.errors import LabelsInvalid
from datacenter.formats.limits import LabelLimits

if TYPE_CHECKING:
    import pyarrow as pa


class LabelWriter(Protocol):
    """Writes the columns `path`, `labels` and `annotation` (JSON text or null) of record batches.

    The file is `head() + rows(batch) + rows(batch) … + tail()`. The same rows always give the same bytes,
    however they are cut into batches.
    """

    filename: ClassVar[str]

    def head(self) -> bytes:
        """What comes before the first row."""
        ...

    def rows(self, batch: "pa.RecordBatch") -> bytes:
        """The rows of a batch."""
        ...

    def tail(self) -> bytes:
        """What comes after the last row."""
        ...


FOLDERS = "folders"
"""Labels from the paths themselves; needs no label file."""
ANNOUNCED = ("coco", "voc", "yolo", FOLDERS)
"""Names of the interface. Until they are written they are told apart from names that will never be."""


class LabelReader(Protocol):
    """Reads a label file into a label table, each path with `base` before it."""

    def __call__(self, chunks: Iterable[bytes], base: str = ..., limits: LabelLimits = ...) -> "pa.Table":
        """Raises LabelsInvalid, naming the line."""
        ...


@dataclass(frozen=True, kw_only=True)
class LabelFormat:
    """A format that keeps labels in a file of their own."""

    filenames: Sequence[str]
    """Where an import looks for it, best first; an export writes the first."""
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
    """The names that an import takes."""
    return [FOLDERS, *FORMATS]


def exported_formats() -> list[str]:
    """The names that an export takes; the first is what it writes when none is named."""
    return list(FORMATS)


def label_format(name: str) -> LabelFormat:
    """The format of this name.

    Raises:
        LabelsInvalid: BAD_LABELS, naming the formats there are.
    """
    if name not in FORMATS:
        known = ", ".join(imported_formats())
        raise LabelsInvalid(
            "BAD_LABELS", f"this label format is not supported yet; supported are {known}", name
        )
    return FORMATS[name]


def reader_for(name: str) -> LabelReader:
    """What reads a label file of this format. Raises LabelsInvalid for an unknown one."""
    return cast(LabelReader, _load(label_format(name).reader))


def writer_for(name: str) -> LabelWriter:
    """A writer of this format. Raises LabelsInvalid for an unknown one."""
    return cast("type[LabelWriter]", _load(label_format(name).writer))()


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)
