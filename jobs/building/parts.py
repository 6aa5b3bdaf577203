"""Write an archive in parts, many workers at once, and publish it only when every byte of it is right."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from datacenter.archives.crc import crc32_combine
from datacenter.archives.layout import MAX_PARTS
from datacenter.datasets.archives.members import SIDECARS, ArchiveReader, Piece
from datacenter.datasets.manifest import open_rows
from datacenter.datasets.models import Archive
from datacenter.ledger.leases import ShardPlan
from jobs.building.copying import changed_since_copied, copied_contents, copy_content
from jobs.cleanup import abort_uploads, remove
from jobs.contract import JobContext
from jobs.shard_specs import shard
from storage_adapters.errors import ObjectChanged
from storage_adapters.object_storage.contract import Buffer, Part, Storage

REPORT_BYTES = 4 << 20


@dataclass(frozen=True, kw_only=True)
class ArchivePart:
    """Bytes `start` to `stop` of the archive, as part number `part` of its upload."""

    kind: Literal["archive_part"] = "archive_part"
    key: str
    upload: str
    part: int
    start: int
    stop: int
    member: int | None
    """The member whose content the storage can copy into the part; None where the bytes have to be written."""


def plan_part_shards(job: JobContext, archive: Archive) -> list[ShardPlan]:
    """Begin the upload and cut the archive into parts, one per shard; into a single part where the storage would write
    several parts twice."""
    storage = job.resources.storages.open(archive.storage)
    layout = job.resources.layouts.get(storage, archive)
    capabilities = storage.capabilities
    parts = layout.parts(
        job.resources.settings.shards.part_bytes,
        capabilities.minimum_part_bytes,
        1 if capabilities.rewrites_parts else min(capabilities.maximum_parts, MAX_PARTS),
        copied_contents(storage, archive, layout),
    )
    key = _begin_key(job, archive)
    upload_id = storage.begin_upload(key)
    return [
        shard(
            ArchivePart(
                key=key,
                upload=upload_id,
                part=part.number,
                start=part.start,
                stop=part.stop,
                member=part.member,
            )
        )
        for part in parts
    ]


def remove_own(job: JobContext, archive: Archive) -> None:
    """Remove the objects and uploads of this job; those of other jobs stay."""
    storage, prefix = job.resources.storages.open(archive.storage), own_prefix(job, archive)
    abort_uploads(storage, prefix)
    remove(storage, [info.key for info in storage.list_objects(prefix)])


def own_prefix(job: JobContext, archive: Archive) -> str:
    """The prefix of all keys under which this job writes the archive."""
    return f"{archive.prefix}archive-{job.job_id[-12:]}-"


def _begin_key(job: JobContext, archive: Archive) -> str:
    """A key for this attempt alone; the uploads of earlier attempts at the same step are aborted.

    Only those with a smaller token: an attempt that lost its lease and wakes up late must not touch its successor's.
    """
    storage = job.resources.storages.open(archive.storage)
    step = f"{own_prefix(job, archive)}{job.held.shard_id}-"
    for upload in storage.list_uploads(step):
        if int(upload.key.removeprefix(step)) < job.held.token:
            storage.abort_upload(upload.key, upload.upload_id)
    return f"{step}{job.held.token}"


def write_part(job: JobContext, archive: Archive, spec: ArchivePart) -> dict[str, Any]:
    """Write one part, or have the storage copy it; the same part again gives the same bytes."""
    if spec.member is not None and (copied := copy_content(job, archive, spec, spec.member)) is not None:
        part, piece = copied
        job.report(size_bytes=part.length)
        return _result(spec, part, [piece])
    storage = job.resources.storages.open(archive.storage)
    reader = ArchiveReader(job.resources, archive)
    first, last = reader.layout.members(spec.start, spec.stop)
    chunks = _reported(job, reader.read(spec.start, spec.stop))
    part = storage.upload_part(spec.key, spec.upload, spec.part, spec.start, chunks)
    begun_before = first < last and reader.layout.member_offset(first) < spec.start
    files = reader.layout.files - SIDECARS
    job.report(files=max(0, min(last, files) - min(first + begun_before, files)))
    return _result(spec, part, reader.pieces)


def _result(spec: ArchivePart, part: Part, pieces: list[Piece]) -> dict[str, Any]:
    return {
        "key": spec.key,
        "upload": spec.upload,
        "part": [part.number, part.offset, part.length, part.tag],
        "pieces": [[piece.member, piece.start, piece.stop, piece.crc32] for piece in pieces],
    }


def complete(job: JobContext, archive: Archive, results: Iterator[dict[str, Any]]) -> str:
    """Check the members that were cut, then publish the archive; returns its key.

    Raises: ObjectChanged when the archive would not match its manifest; it is not published then.
    """
    storage = job.resources.storages.open(archive.storage)
    parts: list[Part] = []
    pieces: list[Piece] = []
    key = upload_id = ""
    for result in results:
        if "part" not in result:
            continue
        number, offset, length, tag = result["part"]
        parts.append(Part(number=number, offset=offset, length=length, tag=tag))
        pieces += [Piece(member=m, start=a, stop=b, crc32=crc) for m, a, b, crc in result["pieces"]]
        key, upload_id = result["key"], result["upload"]
    _check_cut_members(storage, archive, pieces)
    copied = sorted({piece.member for piece in pieces if piece.crc32 is None})
    if copied and (path := changed_since_copied(storage, archive, copied)) is not None:
        raise ObjectChanged(f"{path!r} was overwritten while it was copied; export again")
    info = storage.complete_upload(key, upload_id, parts)
    expected = job.resources.layouts.get(storage, archive).size_bytes
    if info.size_bytes != expected:
        raise ObjectChanged(
            f"the archive has {info.size_bytes} bytes instead of the planned {expected}", key=key
        )
    storage.flush()
    return key


def _reported(job: JobContext, chunks: Iterable[Buffer]) -> Iterator[Buffer]:
    """The same chunks. There are two for every file, so progress is reported for many at a time."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size >= REPORT_BYTES:
            job.report(size_bytes=size)
            size = 0
        yield chunk
    job.report(size_bytes=size)


def _check_cut_members(storage: Storage, archive: Archive, pieces: list[Piece]) -> None:
    """Compare the members that came in pieces with the manifest: their size, and their CRC unless a piece was copied.

    For the checks of a copied piece see `copying`.
    """
    by_member: dict[int, list[Piece]] = defaultdict(list)
    for piece in pieces:
        by_member[piece.member].append(piece)
    if not by_member:
        return
    with open_rows(storage, archive.members_key) as file:
        rows = file.read(columns=["path", "stored_size", "crc32"])
    for member, parts in sorted(by_member.items()):
        row = rows.slice(member, 1).to_pylist()[0]
        if not _is_complete(parts, row["stored_size"], row["crc32"]):
            raise ObjectChanged(f"the bytes of {row['path']!r} changed after the import")


def _is_complete(pieces: list[Piece], size_bytes: int, crc32: int) -> bool:
    """Whether the pieces cover the member without a gap, and match the CRC if all of them were read."""
    whole: int | None = 0
    at = 0
    for piece in sorted(pieces, key=lambda piece: piece.start):
        if piece.start != at:
            return False
        at = piece.stop
        if whole is None or piece.crc32 is None:
            whole = None
        else:
            whole = crc32_combine(whole, piece.crc32, piece.stop - piece.start)
    return at == size_bytes and whole in (None, crc32)
