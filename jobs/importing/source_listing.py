"""The objects of a source: which of them may be imported, and whether they are still as planned."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain

from datacenter.archives.errors import ArchiveRejected
from datacenter.datasets.places import is_own
from datacenter.formats.errors import LabelsInvalid
from jobs.contract import JobContext
from storage_adapters.errors import ObjectChanged, ObjectMissing
from storage_adapters.object_storage.batches import cut_batches, run_batches
from storage_adapters.object_storage.contract import ObjectInfo, Storage

KEYS_AT_ONCE = 64
STATS_AT_ONCE = 16
_LAST = "\U0010ffff"
"""Sorts after every other character."""


@dataclass(frozen=True, slots=True)
class PlannedObject:
    """An object as the plan saw it."""

    key: str
    size_bytes: int
    tag: str


def importable(storage: Storage, prefix: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
    """Objects under the prefix, in the order of their keys, without the service's own areas. Each area is skipped as a
    whole: it may hold many more objects than all the rest."""
    position = start_after
    while True:
        for info in storage.list_objects(prefix, start_after=position):
            if not is_own(info.key):
                yield info
                continue
            area, in_folder, _ = info.key.partition("/")
            if in_folder and position < (end := f"{area}/{_LAST}"):
                position = end
                break
        else:
            return


def tag_of(info: ObjectInfo) -> str:
    """A value that changes whenever the object is replaced: the storage's tag, or else the time of its last change."""
    return info.etag or info.modified_at.isoformat()


def planned_object(info: ObjectInfo) -> PlannedObject:
    """The object as a plan records it."""
    return PlannedObject(info.key, info.size_bytes, tag_of(info))


@contextmanager
def source_unchanged(job: JobContext, storage: Storage, archive: PlannedObject) -> Iterator[None]:
    """Guarantee that the block reads the planned archive; if it was replaced, the block ends in an error.

    An archive that is replaced while it is read looks damaged. The replacement is the more helpful reason, so it is
    checked first.

    Raises: ObjectMissing, ObjectChanged.
    """
    check_unchanged(job, storage, archive.key, [archive], in_folders=1)
    try:
        yield
    except (ArchiveRejected, LabelsInvalid):
        check_unchanged(job, storage, archive.key, [archive], in_folders=1)
        raise
    check_unchanged(job, storage, archive.key, [archive], in_folders=1)


def check_unchanged(
    job: JobContext, storage: Storage, prefix: str, expected: Sequence[PlannedObject], *, in_folders: int
) -> None:
    """Compare objects under the prefix, in the order of their keys, with what was planned.

    Called after the objects were read: an object with the same tag before and after was the same in between, so one
    check for many objects is enough. `in_folders` is the number of objects in the folders of these objects.

    Raises: ObjectMissing, ObjectChanged.
    """
    found = _current_objects(storage, prefix, [each.key for each in expected], in_folders)
    info = next(found, None)
    for planned in expected:
        key = planned.key
        job.check()
        while info is not None and info.key < key:
            job.check()
            info = next(found, None)
        if info is None or info.key != key:
            raise ObjectMissing("The object was removed after the import was planned.", key=key)
        if (info.size_bytes, tag_of(info)) != (planned.size_bytes, planned.tag):
            raise ObjectChanged("The object was changed after the import was planned.", key=key)


def _current_objects(storage: Storage, prefix: str, keys: list[str], in_folders: int) -> Iterator[ObjectInfo]:
    """The objects as they are now, in the order of the keys; missing ones are left out, others may come between.

    Listed, unless that would read so much more than needed that a call per object is cheaper: many shards of one large
    directory would each read all of it.
    """
    capabilities = storage.capabilities
    is_listed = capabilities.seekable_listing or in_folders <= len(keys) * capabilities.listed_per_stat
    if len(keys) > 1 and is_listed:
        return chain(_stat(storage, keys[:1]), importable(storage, prefix, start_after=keys[0]))
    return run_batches(
        partial(_stat, storage), cut_batches(keys, max_items=KEYS_AT_ONCE), threads=STATS_AT_ONCE
    )


def _stat(storage: Storage, keys: list[str]) -> list[ObjectInfo]:
    found = []
    for key in keys:
        with suppress(ObjectMissing):
            found.append(storage.stat(key))
    return found
