"""Copy the content of large members into an archive within its storage, so that no worker has to read and send it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from datacenter.archives.layout import ArchiveLayout, Content
from datacenter.datasets.archives.members import MemberRow, MemberRows, Piece
from datacenter.datasets.manifest import first_manifest_key, open_rows
from datacenter.datasets.models import Archive
from jobs.contract import JobContext
from storage_adapters.errors import ObjectMissing
from storage_adapters.object_storage.contract import ByteRange, ObjectInfo, Part, Storage

COPY_FROM_BYTES = 64 << 20
"""Smaller content is not worth a copy: the bytes written before it have to make up a part of the minimum size."""


class PartPlace(Protocol):
    """Where a part belongs: its upload, its number, and its bytes in the archive."""

    @property
    def key(self) -> str: ...

    @property
    def upload(self) -> str: ...

    @property
    def part(self) -> int: ...

    @property
    def start(self) -> int: ...

    @property
    def stop(self) -> int: ...


def copied_contents(storage: Storage, archive: Archive, layout: ArchiveLayout) -> list[Content]:
    """The contents that the archive's storage can copy: large files of datasets on the same storage.

    Neither the contents of a deflated archive nor its own lists.
    """
    capabilities = storage.capabilities
    if not (capabilities.multipart and capabilities.server_side_copy):
        return []
    large = list(layout.contents(COPY_FROM_BYTES))
    if not large:
        return []
    with open_rows(storage, archive.members_key) as file:
        rows = MemberRows(file)
        return [content for content in large if _can_be_copied(archive, rows.row(content.member))]


def copy_content(
    job: JobContext, archive: Archive, place: PartPlace, member: int
) -> tuple[Part, Piece] | None:
    """Copy one part; None if the object may have changed since its import, so that it has to be read and checked.

    The bytes are not read, so their CRC is not compared with the manifest's. Two things are verified: the object still
    has as many bytes as the part needs; and after the copy, it had not been written since the first manifest that names
    it, by the storage's own clock, to the second. This service never writes an object after that manifest, only a
    foreign program can. Later manifests (each change of labels writes one) say nothing about the objects. That the
    storage itself keeps and copies bytes unharmed is taken on trust.
    `changed_since_copied` checks again when all parts are there, because the parts of a member are copied one by one.

    Raises: ObjectChanged, ObjectMissing.
    """
    storage = job.resources.storages.open(archive.storage)
    content = job.resources.layouts.get(storage, archive).content(member)
    with open_rows(storage, archive.members_key) as file:
        row = MemberRows(file).row(member)
    piece = Piece(
        member=member, start=place.start - content.start, stop=place.stop - content.start, crc32=None
    )
    source = ByteRange(key=row.key, offset=row.offset + piece.start, length=piece.stop - piece.start)
    part = storage.copy_part(place.key, place.upload, place.part, place.start, source)
    return (part, piece) if _is_as_imported(storage, row) else None


def changed_since_copied(storage: Storage, archive: Archive, members: Iterable[int]) -> str | None:
    """The path of one of these copied members whose object was changed after its import, or None.

    Its parts may be copies of different contents, and there is no CRC to detect that.
    """
    with open_rows(storage, archive.members_key) as file:
        rows = MemberRows(file)
        for member in members:
            row = rows.row(member)
            if not _is_as_imported(storage, row):
                return row.path
    return None


def _is_as_imported(storage: Storage, row: MemberRow) -> bool:
    manifest = first_manifest_key(row.key)
    assert manifest is not None, "only such members are planned to be copied"
    try:
        return _changed_at(storage.stat(row.key)) <= _changed_at(storage.stat(manifest))
    except ObjectMissing:
        return False


def _changed_at(info: ObjectInfo) -> datetime:
    return info.changed_at or info.modified_at


def _can_be_copied(archive: Archive, row: MemberRow) -> bool:
    return row.storage == archive.storage and first_manifest_key(row.key) is not None
