"""Import from a prefix: list it once, apply the rules for names and sizes, and copy its objects in parallel."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datacenter.archives.arrow_bytes import one_chunk, texts
from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.limits import Limits
from datacenter.archives.name_collisions import NameCollisions
from datacenter.archives.names import safe_paths
from datacenter.errors import NothingToImport
from datacenter.ledger.leases import Totals
from datacenter.storages.object_file import ObjectSource
from datacenter.storages.owners import shown_name
from jobs.contract import JobContext, Plan
from jobs.importing.copy_objects import Copy, copy_objects
from jobs.importing.files import finish_files
from jobs.importing.labels import Labelled, apply, find_lists
from jobs.importing.plan_file import Learned, read_group, write_plan
from jobs.importing.source import Imported, limits_of
from jobs.importing.source_listing import PlannedObject, check_unchanged, importable, tag_of
from jobs.importing.staging import ImportStaging, manifest_rows
from jobs.shard_specs import SpecReader, shard
from storage_adapters.object_storage.batches import cut_batches
from storage_adapters.object_storage.contract import ObjectInfo, Storage

LISTED_AT_ONCE = 1_000
_COLUMNS: dict[str, pa.DataType] = {
    "path": pa.string(),
    "name": pa.string(),
    "size_bytes": pa.int64(),
    "tag": pa.string(),
}
LISTING = pa.schema(_COLUMNS)
"""`name` is the key after the prefix, `path` the file's path in the dataset: they differ by backslashes at most."""
PLAN = LISTING.append(pa.field("labels", pa.list_(pa.string()))).append(pa.field("annotation", pa.string()))


@dataclass(frozen=True, kw_only=True)
class PrefixGroup:
    """Objects of the prefix that one shard copies: one row group of the plan."""

    kind: Literal["prefix_group"] = "prefix_group"
    plan: str
    row_group: int
    in_folders: int
    """Number of objects in the folders of these objects."""


SPECS = SpecReader[PrefixGroup](PrefixGroup)


class PrefixSource:
    """List, copy in parallel, and check that every object is still as planned."""

    def plan(self, job: JobContext, staging: ImportStaging) -> Plan:
        return _plan(job, staging, limits_of(job))

    def run_shard(self, job: JobContext, staging: ImportStaging, spec: dict[str, Any]) -> dict[str, Any]:
        return _import_group(job, staging, SPECS.read(spec))

    def finish(self, job: JobContext, staging: ImportStaging, results: Iterator[dict[str, Any]]) -> Imported:
        return finish_files(job, staging, results)

    def title(self, source: Mapping[str, Any]) -> str:
        return f"{shown_name(source['storage'])}: {source['prefix'] or 'all of it'}"


def _plan(job: JobContext, staging: ImportStaging, limits: Limits) -> Plan:
    """List the prefix, find the labels, and write the plan: a row group of the plan file is a shard.

    Holds names, sizes and tags of all objects, about as much memory as the directory of a zip with as many files.

    Raises:
        ArchiveRejected: as for the names and sizes in an archive.
        NothingToImport: no object has the prefix.
        ObjectMissing, ObjectChanged: the label file was removed or changed after the listing.
    """
    place = job.payload["source"]
    source, prefix = job.resources.storages.open_source(place["storage"]), place["prefix"]
    entries, warnings = _list(job, source, prefix, limits)
    if not entries.num_rows:
        where = f"under {prefix!r} in" if prefix else "in"
        raise NothingToImport(
            f"there is no object {where} storage {shown_name(place['storage'])!r}; check the prefix"
        )
    paths: Any = one_chunk(entries["path"])
    label_file, lists = find_lists(paths, job.payload["label_format"])
    content: Iterator[bytes] = iter(())
    if label_file is not None:
        at: int = pc.index(entries["path"], pa.scalar(label_file.path)).as_py()
        content = _content(job, source, _planned(prefix, entries.slice(at, 1)))
    max_labels = job.resources.settings.limits.labels
    labelled = apply(paths, label_file, lists, content, max_labels)
    job.check()
    kept = entries.filter(labelled.keep)
    sizes = kept["size_bytes"].to_numpy()
    shards = job.resources.settings.shards
    bounds = _bounds(sizes, shards.files, shards.size_bytes)
    learned = Learned([*warnings, *labelled.warnings], labelled.label_file)
    key = write_plan(job, staging, PLAN, _parts(kept, labelled, bounds), learned)
    return Plan(
        shards=[
            shard(PrefixGroup(plan=key, row_group=group, in_folders=files))
            for group, files in enumerate(_in_folders(kept["name"], bounds) or [0])
        ],
        totals=Totals(files=kept.num_rows, size_bytes=int(sizes.sum())),
        phase="importing",
    )


def _list(job: JobContext, source: Storage, prefix: str, limits: Limits) -> tuple[pa.Table, list[str]]:
    """Every file under the prefix, in the order of the keys, and warnings about their names."""
    collisions = NameCollisions(limits)
    batches: list[pa.RecordBatch] = []
    count = size_bytes = 0
    for infos in cut_batches(importable(source, prefix), max_items=LISTED_AT_ONCE):
        job.check()
        count += len(infos)
        if count > limits.entries:
            raise ArchiveRejected(
                "TOO_MANY",
                f"there are more than {limits.entries} objects, the limit of an import; split the prefix",
            )
        batch = _rows(infos, prefix, limits)
        collisions.add(cast(pa.StringArray, batch["path"]))
        is_file = pc.invert(_is_directory(batch["path"]))
        batches.append(batch.filter(is_file))
        size_bytes += sum(info.size_bytes for info in infos)
        if size_bytes > limits.total_bytes:
            raise ArchiveRejected(
                "TOO_LARGE", f"the files take more than {limits.total_bytes} bytes; split the prefix"
            )
    return pa.Table.from_batches(batches, LISTING), collisions.check()


def _rows(infos: list[ObjectInfo], prefix: str, limits: Limits) -> pa.RecordBatch:
    """The objects with their paths; a directory, which some programs store as an empty object, ends in `/`."""
    infos = [info for info in infos if info.key != prefix or info.size_bytes]
    names = pa.array([info.key[len(prefix) :] for info in infos], pa.string())
    sizes = pa.array([info.size_bytes for info in infos], pa.int64())
    largest = int(np.argmax(sizes)) if infos else 0
    if infos and infos[largest].size_bytes > limits.entry_bytes:
        detail = f"a file is larger than {limits.entry_bytes} bytes; split it"
        raise ArchiveRejected("TOO_LARGE", detail, names[largest].as_py())
    paths = safe_paths(names, limits)
    full_directories = names.filter(pc.and_(_is_directory(paths), pc.greater(sizes, pa.scalar(0))))
    if len(full_directories):
        detail = "an object that is not empty has the name of a folder; rename it"
        raise ArchiveRejected("BAD_NAME", detail, full_directories[0].as_py())
    tags = pa.array([tag_of(info) for info in infos], pa.string())
    return pa.record_batch([paths, names, sizes, tags], schema=LISTING)


def _is_directory(paths: Any) -> Any:
    return pc.or_(pc.ends_with(paths, "/"), pc.equal(paths, pa.scalar("")))


def _planned(prefix: str, entry: pa.Table) -> PlannedObject:
    (row,) = entry.to_pylist()
    return PlannedObject(key=prefix + row["name"], size_bytes=row["size_bytes"], tag=row["tag"])


def _content(job: JobContext, source: Storage, planned: PlannedObject) -> Iterator[bytes]:
    """The bytes of the label file as it was listed. Raises: ObjectMissing, ObjectChanged."""
    yield from ObjectSource(source, planned.key).stream()
    check_unchanged(job, source, planned.key, [planned], in_folders=1)


def _bounds(sizes: Any, max_files: int, max_bytes: int) -> list[int]:
    """Rows at which shards begin, and the end: a shard ends when it has enough files or bytes."""
    ends = np.cumsum(sizes)
    bounds = [0]
    while (start := bounds[-1]) < len(ends):
        base = int(ends[start - 1]) if start else 0
        by_bytes = int(np.searchsorted(ends, base + max_bytes, "right"))
        bounds.append(min(len(ends), start + max_files, max(by_bytes, start + 1)))
    return bounds


def _in_folders(names: Any, bounds: list[int]) -> list[int]:
    """For each shard, the number of files in the folders of its files."""
    folders = pc.replace_substring_regex(one_chunk(names), r"[^/]*$", "").dictionary_encode()
    numbers = folders.indices.to_numpy()
    files = np.bincount(numbers)
    return [int(files[np.unique(numbers[start:stop])].sum()) for start, stop in pairwise(bounds)]


def _parts(kept: pa.Table, labelled: Labelled, bounds: list[int]) -> Iterator[pa.Table]:
    """The plan's rows, a table for each shard."""
    for start, stop in pairwise(bounds):
        part = kept.slice(start, stop - start)
        part = part.append_column(PLAN.field("labels"), labelled.labels.slice(start, stop - start))
        yield part.append_column(PLAN.field("annotation"), labelled.annotations.slice(start, stop - start))


def _import_group(job: JobContext, staging: ImportStaging, spec: PrefixGroup) -> dict[str, Any]:
    """Copy the objects of one row group of the plan and write their manifest rows as a fragment.

    Raises:
        ObjectMissing, ObjectChanged: an object is not as planned. The undo removes what was stored of it.
    """
    place, group = job.payload["source"], spec.row_group
    source, prefix = job.resources.storages.open_source(place["storage"]), place["prefix"]
    entries, first, learned = read_group(staging, spec)
    keys = [prefix + name for name in texts(entries["name"])]
    sizes = cast(list[int], entries["size_bytes"].to_pylist())
    targets = [staging.object_key(first + row, path) for row, path in enumerate(texts(entries["path"]))]
    copies = [Copy(*each) for each in zip(keys, targets, sizes, strict=True)]
    is_same = place["storage"] == job.payload["storage"]
    crcs = copy_objects(job, source, staging.storage, copies, is_same=is_same)
    planned = list(map(PlannedObject, keys, sizes, texts(entries["tag"])))
    check_unchanged(job, source, prefix, planned, in_folders=spec.in_folders)
    fragment = staging.fragment_key(group)
    rows = manifest_rows(
        paths=entries["path"].combine_chunks(),
        sizes=entries["size_bytes"],
        crcs=pa.array(np.array(crcs, np.uint32)),
        labels=entries["labels"],
        annotations=entries["annotation"],
        keys=targets,
    )
    staging.write_fragment(fragment, rows)
    staging.storage.flush()
    return {"fragments": [fragment], **learned}
