"""Render the parts of tables before an archive is laid out: the requested rows in the requested format."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Literal, cast

import pyarrow as pa

from datacenter.archives.crc import crc32
from datacenter.datasets.archives.records import is_rendered, selection_of
from datacenter.datasets.archives.selection import SelectedVersion, Selection
from datacenter.datasets.label_filter import LabelFilter
from datacenter.datasets.manifest import SCHEMA, open_rows, read_rows, regroup, write_rows
from datacenter.datasets.models import Archive
from datacenter.datasets.tables.kept import KeptTable, number_of_piece
from datacenter.datasets.tables.parts import GROUP_PARTS, PartNote, RowCount, new_part
from datacenter.datasets.tables.rows import labels_of, rows_matching
from datacenter.formats.table_formats import TABLE_FORMATS
from datacenter.ledger.leases import ShardPlan, Totals
from datacenter.storages.object_file import ObjectSource
from jobs.contract import JobContext, Plan
from jobs.shard_specs import shard
from storage_adapters.errors import ObjectChanged
from storage_adapters.object_storage.contract import Storage
from storage_adapters.table_storage.spool import row_groups


@dataclass(frozen=True, kw_only=True)
class TablePart:
    """One part to render, given by its row in the table's manifest."""

    kind: Literal["table_part"] = "table_part"
    dataset: str
    row_group: int
    row: int


def rendered_prefix(archive: Archive) -> str:
    """The rendered parts; not needed any more once the archive is ready."""
    return f"{archive.prefix}rendered/"


def rendered_versions(archive: Archive) -> list[SelectedVersion]:
    """The versions of tables that are not exported as they are stored."""
    versions = selection_of(archive.request).versions
    return [version for version in versions if is_rendered(version, archive.request)]


def plan_rendering(job: JobContext, archive: Archive) -> Plan:
    """A shard for every part that has a selected row."""
    # The archive's numbers of files and bytes are known only afterwards.
    return Plan(
        shards=list(_specs(job, archive)),
        totals=Totals(files=None, size_bytes=None),
        phase="rendering tables",
    )


def render_part(job: JobContext, archive: Archive, spec: TablePart) -> dict[str, Any]:
    """Write one part in the requested form, and its manifest row as a fragment.

    Raises:
        ObjectChanged: the part is not what was imported.
        ColumnNotWritable: the format has no form for a column.
    """
    version = next(each for each in rendered_versions(archive) if each.dataset_id == spec.dataset)
    target = job.resources.storages.open(archive.storage)
    with open_rows(job.resources.storages.open(version.storage), version.manifest_key) as manifest:
        stored = manifest.read_row_group(spec.row_group).slice(spec.row, 1).to_pylist()[0]
    table_format = TABLE_FORMATS[archive.request["table_format"]]
    wanted = selection_of(archive.request).labels
    expected = PartNote.from_text(stored["annotation"]).matching(wanted)
    # Named after the attempt, so that one that lost its lease and wakes up late overwrites nothing valid.
    key = f"{rendered_prefix(archive)}{job.held.shard_id}-{job.held.token}{table_format.suffix}"
    count = RowCount(label_column=version.label_column, max_labels=job.resources.settings.limits.labels)
    with (
        open_part(job, version, stored) as (schema, groups),
        new_part(target, key, table_format, schema, count) as part,
    ):
        for rows in groups:
            job.check()
            rows = rows.filter(rows_matching(labels_of(rows, version.label_column), wanted))
            if rows.num_rows:
                part.write(rows)
    if count.note() != expected:
        raise changed(stored)
    path = stored["path"].removesuffix(TABLE_FORMATS["parquet"].suffix) + table_format.suffix
    row = part.row(path=path, key=key, media_type=table_format.media_type)
    write_rows(target, f"{key}.row", SCHEMA, [pa.Table.from_pylist([row], schema=SCHEMA)])
    return {"rendered": f"{key}.row", "dataset": version.dataset_id}


def rendered_selection(job: JobContext, archive: Archive, results: Iterable[dict[str, Any]]) -> Selection:
    """The archive's selection with the rendered parts in place of the stored ones, in manifests of its own."""
    storage = job.resources.storages.open(archive.storage)
    fragments: dict[str, list[str]] = defaultdict(list)
    for result in results:
        if "rendered" in result:
            fragments[result["dataset"]].append(result["rendered"])
    made = {}
    for version in rendered_versions(archive):
        key = f"{rendered_prefix(archive)}{version.dataset_id}.parquet"
        rows = chain.from_iterable(read_rows(storage, each) for each in fragments[version.dataset_id])
        write_rows(storage, key, SCHEMA, regroup(job.checked(rows), GROUP_PARTS))
        made[version] = replace(version, storage=archive.storage, manifest_key=key)
    selection = selection_of(archive.request)
    return replace(selection, versions=tuple(made.get(version, version) for version in selection.versions))


def _specs(job: JobContext, archive: Archive) -> Iterator[ShardPlan]:
    wanted = selection_of(archive.request).labels
    for version in rendered_versions(archive):
        groups = read_rows(job.resources.storages.open(version.storage), version.manifest_key, ["annotation"])
        for group, table in enumerate(groups):
            job.check()
            for row, text in enumerate(cast(list[str], table["annotation"].to_pylist())):
                if wanted == LabelFilter() or PartNote.from_text(text).matching(wanted).rows:
                    yield shard(TablePart(dataset=version.dataset_id, row_group=group, row=row))


GROUP_BYTES = 32 << 20
"""Rows of a piece are buffered until they make a row group of this size."""
Part = tuple[pa.Schema, Iterator[pa.Table]]


@contextmanager
def open_part(job: JobContext, version: SelectedVersion, stored: dict[str, Any]) -> Iterator[Part]:
    """The columns and the rows, a row group at a time, of the part that a manifest row names.

    Raises:
        ObjectChanged: it is not what was imported. A piece is only checked by its numbers of rows, see `PartNote`.
        TableMissing: the table was dropped.
    """
    if version.table_storage is not None and version.table_name is not None:
        with _piece(job, KeptTable.named(version.table_storage, version.table_name), stored) as part:
            yield part
        return
    storage = job.resources.storages.open(version.storage)
    _check(job, storage, stored)
    with open_rows(storage, stored["key"]) as file:
        yield file.schema_arrow, (file.read_row_group(group) for group in range(file.num_row_groups))


def changed(stored: dict[str, Any]) -> ObjectChanged:
    """The error for a part that does not match its manifest row."""
    return ObjectChanged(f"the bytes of {stored['path']!r} changed after the import", key=stored["key"])


@contextmanager
def _piece(job: JobContext, table: KeptTable, stored: dict[str, Any]) -> Iterator[Part]:
    tables = job.open_tables(table.storage)
    partition = tables.part_partition(number_of_piece(stored["key"]))
    batches = job.checked(tables.read_partition(table.name, partition))
    try:
        first = next(batches)
        yield first.schema, row_groups(chain([first], batches), size_bytes=GROUP_BYTES)
    finally:
        batches.close()  # releases the server's connection


def _check(job: JobContext, storage: Storage, stored: dict[str, Any]) -> None:
    """Compare the part's CRC, at the cost of one more read, as for every file of an archive. Raises: ObjectChanged."""
    value = 0
    for piece in ObjectSource(storage, stored["key"]).stream():
        job.check()
        value = crc32(piece, value)
    if value != stored["crc32"]:
        raise changed(stored)
