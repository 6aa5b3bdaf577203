"""Import of a tar, tar.gz or tar.zst: one pass with concurrent puts, since a tar has no index."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from datacenter.archives.arrow_bytes import texts
from datacenter.archives.limits import Limits
from datacenter.archives.member import Member
from datacenter.archives.tar.decompress import TarFormat, decompressed
from datacenter.archives.tar.names import NamesMisread, TarNames
from datacenter.archives.tar.stream import TarReader, read_tar
from datacenter.datasets.manifest import read_rows
from datacenter.formats.apply import LabelJoin
from datacenter.formats.arrow_types import strings
from datacenter.formats.detect import LabelFile
from datacenter.formats.folders import folder_labels
from datacenter.formats.label_rules import LabelLimits
from datacenter.formats.registry import reader_for
from datacenter.ledger.leases import Totals
from datacenter.storages.object_file import ObjectSource
from jobs.contract import JobContext, Plan
from jobs.importing.labels import find_lists
from jobs.importing.put import put_members
from jobs.importing.source_listing import PlannedObject
from jobs.importing.staging import ImportStaging, manifest_rows
from jobs.shard_specs import shard

FRAGMENT_FILES = 16_384


@dataclass(frozen=True, kw_only=True)
class TarPass:
    """A whole tar, read front to back."""

    kind: Literal["tar_pass"] = "tar_pass"
    format: TarFormat
    archive: PlannedObject


def plan_tar(source: ObjectSource, archive: PlannedObject, archive_format: TarFormat) -> Plan:
    """One shard, as a tar has no index; progress counts the bytes of the archive."""
    return Plan(
        shards=[shard(TarPass(format=archive_format, archive=archive))],
        totals=Totals(files=None, size_bytes=source.size_bytes),
        phase="importing",
    )


def import_tar(
    job: JobContext, source: ObjectSource, staging: ImportStaging, limits: Limits, archive_format: TarFormat
) -> dict[str, Any]:
    """Store every file, write manifest rows as fragments, and give the rows their labels at the end."""
    names = TarNames(job.payload["name_encoding"])
    while True:
        reader = read_tar(decompressed(_counted(job, source), archive_format, limits), limits, names=names)
        recorder = Recorder(staging, job.held.token)
        try:
            put_members(job, staging.storage, recorder.watch(reader), recorder.place, count_bytes=False)
            break
        except NamesMisread:
            # The next pass overwrites the same objects and fragments; the progress is reset.
            job.report(files=-job.files, size_bytes=-job.size_bytes)
    label_file, lists = find_lists(_all_paths(staging, recorder.fragments), job.payload["label_format"])
    warnings = list(reader.warnings)
    max_labels = job.resources.settings.limits.labels
    label_join = _label_join(staging, recorder.fragments, label_file, max_labels)
    dropped: list[str] = []
    for fragment in recorder.fragments:
        job.check()
        dropped += _label(staging, fragment, label_join, lists)
    if label_file is not None and label_join is not None and label_join.unknown:
        warnings.append(
            f"{label_file.path} names {label_join.unknown} files that do not exist, "
            f"first {label_join.first_unknown!r}"
        )
    staging.storage.flush()
    return {
        "fragments": recorder.fragments,
        "warnings": warnings,
        "label_file": label_file.path if label_file else None,
        "dropped": dropped,
    }


class Recorder:
    """Records the members of a tar while they are stored, and writes their manifest rows, a fragment at a time.

    Fragments are written twice, the second time with labels. So each attempt has its own: an attempt that lost its
    lease and wakes up late must not replace its successor's fragment by one without labels.
    """

    def __init__(self, staging: ImportStaging, attempt: int) -> None:
        self._staging = staging
        self._attempt = attempt
        self._rows: list[tuple[str, int, int, str]] = []
        self._count = 0
        self.fragments: list[str] = []

    def place(self, member: Member) -> str:
        """The key of a member."""
        return self._staging.object_key(member.index, member.path)

    def watch(self, reader: TarReader) -> Iterator[Member]:
        """The same members; each is recorded when the next one is requested, because its CRC is known only then."""
        for member in reader:
            yield member
            self._rows.append((member.path, member.size_bytes, member.crc32, self.place(member)))
            if len(self._rows) == FRAGMENT_FILES:
                self._flush()
        if self._rows:
            self._flush()

    def _flush(self) -> None:
        paths, sizes, crcs, keys = zip(*self._rows, strict=True)
        fragment = self._staging.fragment_key(self._attempt, len(self.fragments))
        empty = pa.array([[] for _ in paths], pa.list_(pa.string()))
        rows = manifest_rows(
            paths=pa.array(paths, pa.string()),
            sizes=pa.array(sizes, pa.int64()),
            crcs=pa.array(crcs, pa.uint32()),
            labels=empty,
            annotations=pa.nulls(len(paths), pa.string()),
            keys=keys,
        )
        self._staging.write_fragment(fragment, rows)
        self.fragments.append(fragment)
        self._rows = []


def _counted(job: JobContext, source: ObjectSource) -> Iterator[bytes]:
    for chunk in source.stream():
        job.report(size_bytes=len(chunk))
        yield chunk


def _all_paths(staging: ImportStaging, fragments: list[str]) -> Any:
    chunks = [
        chunk
        for fragment in fragments
        for table in read_rows(staging.storage, fragment, ["path"])
        for chunk in table["path"].chunks
    ]
    return pa.concat_arrays(chunks) if chunks else pa.array([], pa.string())


def _label_join(
    staging: ImportStaging, fragments: list[str], label_file: LabelFile | None, max_labels: int
) -> LabelJoin | None:
    if label_file is None:
        return None
    for fragment in fragments:
        for table in read_rows(staging.storage, fragment, ["path", "key"]):
            is_list = pc.equal(table["path"], pa.scalar(label_file.path))
            for key in texts(table["key"].filter(is_list)):
                content = ObjectSource(staging.storage, key).stream()
                limits = LabelLimits(labels=max_labels)
                return LabelJoin(reader_for(label_file.format)(content, label_file.base, limits))
    raise AssertionError(f"{label_file.path} is among the paths but has no row")


def _label(
    staging: ImportStaging, fragment: str, label_join: LabelJoin | None, lists: list[str]
) -> list[str]:
    """Rewrite a fragment with labels; returns the keys of the lists, which are not files of the dataset."""
    table = pa.concat_tables(staging.read_fragment(fragment))
    is_list = pc.is_in(table["path"], value_set=pa.array(lists, pa.string()))
    dropped = texts(table["key"].filter(is_list))
    table = table.filter(pc.invert(is_list))
    paths = strings(pa.concat_arrays(table["path"].chunks))
    labels, annotations = (
        label_join.apply(paths)
        if label_join is not None
        else (folder_labels(paths), pa.nulls(len(paths), pa.string()))
    )
    columns = table.column_names
    table = table.set_column(columns.index("labels"), table.schema.field("labels"), labels)
    table = table.set_column(columns.index("annotation"), table.schema.field("annotation"), annotations)
    staging.write_fragment(fragment, table)
    return dropped
