"""The objects of a source: which of them an import may take, and whether they are still what was planned."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from datacenter.archives.errors import ArchiveRejected
from datacenter.datasets.places import is_own
from datacenter.formats.errors import LabelsInvalid
from jobs.contract import JobContext
from storage_adapters.contract import ObjectInfo, Storage
from storage_adapters.errors import ObjectChanged, ObjectMissing

_LAST = "\U0010ffff"
"""Sorts after every other character."""


class Planned(NamedTuple):
    """An object as the plan saw it."""

    key: str
    size_bytes: int
    tag: str


def importable(storage: Storage, prefix: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
    """Objects under the prefix, in the order of their keys, without those in areas of ours, which are passed over at
    once: there may be many more objects in them than in all the rest."""
    passed = start_after
    while True:
        for info in storage.list_objects(prefix, start_after=passed):
            if not is_own(info.key):
                yield info
                continue
            area, in_folder, _ = info.key.partition("/")
            if in_folder and passed < (behind := f"{area}/{_LAST}"):
                passed = behind
                break
        else:
            return


def tag_of(info: ObjectInfo) -> str:
    """What changes whenever the object is replaced: the storage's tag for it, or else the time of its last change."""
    return info.etag or info.modified_at.isoformat()


def planned(info: ObjectInfo) -> Planned:
    """The object as a plan writes it down."""
    return Planned(info.key, info.size_bytes, tag_of(info))


@contextmanager
def held_to(job: JobContext, storage: Storage, archive: Planned) -> Iterator[None]:
    """Whatever is read of the archive inside is of the one that was planned, or ends in an error.

    One that is replaced while it is read looks broken. That somebody replaced it is the reason that helps, so it
    is looked for first.

    Raises: ObjectMissing, ObjectChanged.
    """
    check_unchanged(job, [storage.stat(archive.key)], [archive])
    try:
        yield
    except (ArchiveRejected, LabelsInvalid):
        check_unchanged(job, [storage.stat(archive.key)], [archive])
        raise
    check_unchanged(job, [storage.stat(archive.key)], [archive])


def check_unchanged(job: JobContext, listing: Iterable[ObjectInfo], planned: Iterable[Planned]) -> None:
    """Compare what is listed now with what was planned, both in the order of their keys; others may lie between.

    Called after the objects were read: whatever has the same tag before and after was the same all the while, so
    one look at many objects is enough, and no object need be asked for by itself.

    Raises: ObjectMissing, ObjectChanged.
    """
    listed = iter(listing)
    info = next(listed, None)
    for key, size_bytes, tag in planned:
        job.check()
        while info is not None and info.key < key:
            job.check()
            info = next(listed, None)
        if info is None or info.key != key:
            raise ObjectMissing("The object was removed after the import was planned.", key=key)
        if (info.size_bytes, tag_of(info)) != (size_bytes, tag):
            raise ObjectChanged("The object was changed after the import was planned.", key=key)
