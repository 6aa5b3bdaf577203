"""Import of a zip: read the directory once and split it by byte range; each shard reads its span of the archive."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from datacenter.archives.arrow_bytes import texts
from datacenter.archives.limits import Limits
from datacenter.archives.zip.index import ENTRY_SCHEMA, read_zip_index
from datacenter.archives.zip.span import read_zip_span
from datacenter.ledger.leases import Totals
from datacenter.storages.object_file import ObjectSource
from jobs.contract import JobContext, Plan
from jobs.importing.labels import Labelled, apply, find_lists
from jobs.importing.plan_file import Learned, read_group, write_plan
from jobs.importing.put import put_members
from jobs.importing.source_listing import PlannedObject, planned_object
from jobs.importing.staging import ImportStaging, manifest_rows
from jobs.shard_specs import shard


@dataclass(frozen=True, kw_only=True)
class ZipSpan:
    """A run of neighbouring entries of a zip: one row group of the plan."""

    kind: Literal["zip_span"] = "zip_span"
    plan: str
    row_group: int
    archive: PlannedObject


def plan_zip(job: JobContext, source: ObjectSource, staging: ImportStaging, limits: Limits) -> Plan:
    """Check the whole structure, find the labels, and write the plan: a row group of the plan file is a shard."""
    index = read_zip_index(source, limits, name_encoding=job.payload["name_encoding"])
    entries = index.entries
    job.check()
    is_file = pc.invert(entries["is_directory"])
    paths = entries["path"].filter(is_file).combine_chunks()
    paths = pa.concat_arrays(paths.chunks) if isinstance(paths, pa.ChunkedArray) else paths
    label_file, lists = find_lists(paths, job.payload["label_format"])
    content: Iterator[bytes] = iter(())
    if label_file is not None:
        at = pc.index(entries["path"], label_file.path).as_py()
        content = _content(source, entries.slice(at, 1), limits)
    max_labels = job.resources.settings.limits.labels
    labelled = apply(paths, label_file, lists, content, max_labels)
    job.check()
    bounds = _bounds(entries, job.resources.settings.shards.files, job.resources.settings.shards.size_bytes)
    kept = _kept(entries, is_file, labelled)
    groups = _groups(entries, kept, labelled, bounds)
    learned = Learned([*index.warnings, *labelled.warnings], labelled.label_file)
    key = write_plan(job, staging, _plan_schema(entries), groups, learned)
    sizes = entries["size_bytes"].to_numpy()
    archive = planned_object(source.info)
    return Plan(
        shards=[
            shard(ZipSpan(plan=key, row_group=group, archive=archive))
            for group in range(max(1, len(bounds) - 1))
        ],
        totals=Totals(files=int(kept.sum()), size_bytes=int(sizes[kept].sum())),
        phase="importing",
    )


def import_zip_span(
    job: JobContext, source: ObjectSource, staging: ImportStaging, limits: Limits, spec: ZipSpan
) -> dict[str, Any]:
    """Read one span of the archive, store its files, and write their manifest rows as a fragment."""
    entries, first, learned = read_group(staging, spec)
    kept = entries["kept"].to_pylist()
    paths = texts(entries["path"])
    keys = [staging.object_key(first + row, path) for row, path in enumerate(paths)]
    members = read_zip_span(source, entries.select(ENTRY_SCHEMA.names), limits)
    stored = (member for member in members if kept[member.index])
    put_members(job, staging.storage, stored, lambda member: keys[member.index], count_bytes=True)
    files = entries.filter(entries["kept"])
    if not files.num_rows:
        return {"fragments": [], **learned}
    fragment = staging.fragment_key(spec.row_group)
    rows = manifest_rows(
        paths=files["path"].combine_chunks(),
        sizes=files["size_bytes"],
        crcs=files["crc32"],
        labels=files["labels"],
        annotations=files["annotation"],
        keys=[key for key, keep in zip(keys, kept, strict=True) if keep],
    )
    staging.write_fragment(fragment, rows)
    staging.storage.flush()
    return {"fragments": [fragment], **learned}


def _content(source: ObjectSource, entry: pa.Table, limits: Limits) -> Iterator[bytes]:
    for member in read_zip_span(source, entry, limits):
        if member.data is not None:
            yield bytes(member.data)
        elif member.chunks is not None:
            yield from member.chunks


def _bounds(entries: pa.Table, max_files: int, max_bytes: int) -> list[int]:
    """Rows at which shards begin, and the end: a shard ends when it has enough files or archive bytes."""
    ends = entries["end_offset"].to_numpy()
    bounds = [0]
    while bounds[-1] < entries.num_rows:
        start = bounds[-1]
        base = ends[start - 1] if start else entries["header_offset"][0].as_py()
        by_bytes = int(np.searchsorted(ends, base + max_bytes, "right"))
        bounds.append(min(entries.num_rows, start + max_files, max(by_bytes, start + 1)))
    return bounds


def _kept(entries: pa.Table, is_file: Any, labelled: Labelled) -> npt.NDArray[np.bool_]:
    """Which entries become files of the dataset."""
    kept = np.zeros(entries.num_rows, np.bool_)
    kept[np.flatnonzero(is_file.to_numpy())[labelled.keep.to_numpy(zero_copy_only=False)]] = True
    return kept


def _plan_schema(entries: pa.Table) -> pa.Schema:
    return (
        entries.schema.append(pa.field("kept", pa.bool_()))
        .append(pa.field("labels", pa.list_(pa.string())))
        .append(pa.field("annotation", pa.string()))
    )


def _groups(
    entries: pa.Table, kept: npt.NDArray[np.bool_], labelled: Labelled, bounds: list[int]
) -> Iterator[pa.Table]:
    """The entries with their labels, a table for each shard."""
    rank = np.cumsum(kept) - 1
    for start, stop in pairwise(bounds):
        rows = pa.array(np.where(kept[start:stop], rank[start:stop], -1), mask=~kept[start:stop])
        part = entries.slice(start, stop - start)
        part = part.append_column("kept", pa.array(kept[start:stop]))
        part = part.append_column("labels", labelled.labels.take(rows))
        yield part.append_column("annotation", labelled.annotations.take(rows))
