"""Copy the content of large members into an archive within its storage, so that no worker reads and sends it."""

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
"""Less is not worth a copy: what is written before it has to be a part of the least size."""


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
    """The contents that the archive's storage can copy: of large files of datasets that lie there, too.

    Not those of a deflated archive, nor its own lists.
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

    The bytes are not read, so their CRC is not compared with the manifest's. What is verified: the object still has
    the bytes that the part is to hold, in number, and when the copy was done it had not been written since the
    first manifest that names it was, by the storage's own clock, to the second. Objects are never written after that
    but by somebody else; later manifests, of which each change of labels writes one, say nothing about them. That the storage itself keeps and copies bytes unharmed is taken on trust.
    `changed_since_copied` looks again when all parts are there, because the parts of a member are copied one by one.

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
    """The path of one of these members, of which parts were copied, whose object is no longer as it was imported.

    Its parts may be copies of different contents, and a CRC that would tell is not known.
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
