"""Render the parts of tables before an archive is laid out: the rows that were asked for, in the format that was."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any, cast

import pyarrow as pa

from datacenter.datasets.archives.records import is_rendered, selection_of
from datacenter.datasets.archives.selection import LabelFilter, SelectedVersion, Selection
from datacenter.datasets.manifest import SCHEMA, open_rows, read_rows, regroup, write_rows
from datacenter.datasets.models import Archive
from datacenter.datasets.tables.parts import GROUP_PARTS, PartNote, RowCount, new_part
from datacenter.datasets.tables.rows import labels_of, rows_matching
from datacenter.formats.table_formats import TABLE_FORMATS
from datacenter.ledger.leases import ShardPlan, Totals
from jobs.building.stored_parts import changed, open_part
from jobs.contract import JobContext, Plan


def rendered_prefix(archive: Archive) -> str:
    """The rendered parts; nobody needs them once the archive is there."""
    return f"{archive.prefix}rendered/"


def rendered_versions(archive: Archive) -> list[SelectedVersion]:
    """The versions of tables that are not exported as they are stored."""
    versions = selection_of(archive.request).versions
    return [version for version in versions if is_rendered(version, archive.request)]


def plan_rendering(job: JobContext, archive: Archive) -> Plan:
    """A shard for every part that keeps a row."""
    # How many files and bytes the archive will have is known only afterwards.
    return Plan(
        shards=list(_specs(job, archive)),
        totals=Totals(files=None, size_bytes=None),
        phase="rendering tables",
    )


def render_part(job: JobContext, archive: Archive, spec: dict[str, Any]) -> dict[str, Any]:
    """Write one part anew, and its manifest row as a fragment.

    Raises:
        ObjectChanged: the part is not what was imported.
        ColumnUnsupported: the format has no form for a column.
    """
    version = next(each for each in rendered_versions(archive) if each.dataset_id == spec["dataset"])
    target = job.resources.storages.open(archive.storage)
    with open_rows(job.resources.storages.open(version.storage), version.manifest_key) as manifest:
        stored = manifest.read_row_group(spec["row_group"]).slice(spec["row"], 1).to_pylist()[0]
    table_format = TABLE_FORMATS[archive.request["table_format"]]
    wanted = selection_of(archive.request).labels
    expected = PartNote.from_text(stored["annotation"]).matching(wanted)
    # Named after the attempt, so that one that was given up and wakes late writes over none that counts.
    key = f"{rendered_prefix(archive)}{job.held.shard_id}-{job.held.token}{table_format.suffix}"
    count = RowCount(label_column=version.label_column, most_labels=job.resources.settings.limits.labels)
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
    """The archive's selection with the rendered parts in the place of the stored ones, as manifests of the archive's own."""
    storage = job.resources.storages.open(archive.storage)
    fragments: dict[str, list[str]] = defaultdict(list)
    for result in results:
        if "rendered" in result:
            fragments[result["dataset"]].append(result["rendered"])
    made = {}
    for version in rendered_versions(archive):
        key = f"{rendered_prefix(archive)}{version.dataset_id}.parquet"
        rows = chain.from_iterable(read_rows(storage, each) for each in fragments[version.dataset_id])
        write_rows(storage, key, SCHEMA, regroup(_checked(job, rows), GROUP_PARTS))
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
                    yield ShardPlan(spec={"dataset": version.dataset_id, "row_group": group, "row": row})


def _checked(job: JobContext, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    for table in tables:
        job.check()
        yield table
