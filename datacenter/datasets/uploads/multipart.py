"""Multipart uploads: the client puts the parts of an archive directly to the storage, by links, then completes the upload.

No single parts are stored in the database: they follow from the plan, and the storage lists the ones it has.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy.orm import Session

from datacenter.database.engine import now
from datacenter.datasets.models import Upload
from datacenter.datasets.resources import Resources
from datacenter.datasets.uploads import records
from datacenter.errors import Conflict, Gone, Invalid, NotFound, UploadIncomplete
from datacenter.storages.owners import resolve, shown_name
from storage_adapters.errors import NotSupported, UploadInvalid, UploadMissing
from storage_adapters.object_storage.contract import Capabilities, Part, SentPart, Storage

USUAL_PART_BYTES = 16 << 20


@dataclass(frozen=True, kw_only=True)
class UploadPartPlan:
    """`size_bytes` cut into parts of `part_bytes`, the last one smaller; no parts for 0 bytes."""

    size_bytes: int
    part_bytes: int

    @property
    def count(self) -> int:
        """How many parts there are."""
        return -(-self.size_bytes // self.part_bytes)

    def part(self, number: int) -> Part:
        """The part of this number, from 1 to `count`."""
        offset = (number - 1) * self.part_bytes
        return Part(number=number, offset=offset, length=min(self.part_bytes, self.size_bytes - offset))

    def parts(self) -> Iterator[Part]:
        """All of them, one after the other."""
        return map(self.part, range(1, self.count + 1))


def plan_upload_parts(limits: Capabilities, size_bytes: int, part_bytes: int | None) -> UploadPartPlan:
    """Parts within the storage's limits of size and number; of a usual size unless one is requested. Raises: Invalid."""
    fewest = -(-size_bytes // limits.maximum_parts)
    least = max(limits.minimum_part_bytes, fewest, 1)
    if part_bytes is None:
        part_bytes = max(least, USUAL_PART_BYTES)
    if not least <= part_bytes <= limits.maximum_part_bytes:
        raise Invalid(
            f"part_bytes: {part_bytes} is not possible; for {size_bytes} bytes it must be "
            f"from {least} to {limits.maximum_part_bytes}",
            field="part_bytes",
        )
    return UploadPartPlan(size_bytes=size_bytes, part_bytes=part_bytes)


MAX_RANGES_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class PartLink:
    """The URL to PUT one part to, with exactly its length, until the link expires."""

    part: Part
    url: str
    expires_at: datetime


def plan(
    resources: Resources, project_id: str, storage: str | None, size_bytes: int, part_bytes: int | None
) -> UploadPartPlan:
    """The parts that an upload to this storage, or the default one, will have. Nothing is changed.

    Raises:
        TooLarge, Invalid
        NotSupported: the storage cannot presign URLs; tus works everywhere.
    """
    records.check_size(resources, size_bytes, field="size_bytes")
    with resources.database.reading() as session:
        key = resolve(session, resources.storages, project_id, storage)
    limits = resources.storages.open(key).capabilities
    if not limits.presign:
        raise NotSupported(
            f"storage {shown_name(key)} accepts no parts from clients; upload by tus, POST /api/v1/uploads, which works with every storage"
        )
    return plan_upload_parts(limits, size_bytes, part_bytes)


def begin(
    session: Session,
    resources: Resources,
    *,
    project_id: str,
    filename: str,
    planned: UploadPartPlan,
    storage: str | None = None,
) -> Upload:
    """Begin an upload by a plan; it begins at the storage with the first link. Raises: Invalid."""
    return records.add(
        session,
        resources,
        project_id=project_id,
        filename=filename,
        size_bytes=planned.size_bytes,
        part_bytes=planned.part_bytes,
        storage=storage,
    )


def find(session: Session, project_id: str, upload_id: str) -> Upload:
    """Raises: NotFound; Gone when it has expired."""
    return records.find(session, project_id, upload_id, multipart=True)


def plan_of(upload: Upload) -> UploadPartPlan:
    """The plan that the upload was begun with."""
    assert upload.part_bytes, "every multipart upload has it"
    return UploadPartPlan(size_bytes=upload.size_bytes, part_bytes=upload.part_bytes)


def link(resources: Resources, project_id: str, upload_id: str, number: int) -> PartLink:
    """A link for one part; can be requested repeatedly. Sending the same part again replaces it.

    Raises:
        NotFound: no such upload, or the plan has no such part.
        Gone
        Conflict: the upload is complete.
    """
    upload, moment = _unfinished(resources, project_id, upload_id)
    planned = plan_of(upload)
    if not 1 <= number <= planned.count:
        raise NotFound(f"upload {upload_id} has {planned.count} parts; there is no part {number}")
    storage = resources.storages.open(upload.storage)
    upload = records.begun_at_storage(resources, storage, upload)
    lasts = timedelta(seconds=resources.settings.lifetimes.part_link_seconds)
    expires_at = min(moment + lasts, upload.expires_at)
    part = planned.part(number)
    url = storage.presign_part(upload.key, upload.storage_upload_id, number, part.length, expires_at - moment)
    return PartLink(part=part, url=url, expires_at=expires_at)


def list_sent(
    resources: Resources, project_id: str, upload_id: str, *, after: int = 0, limit: int
) -> list[SentPart]:
    """At most `limit` of the parts that the storage has, by number, with a number above `after`.

    Raises:
        NotFound, Gone
        Conflict: the upload is complete.
    """
    upload, _ = _unfinished(resources, project_id, upload_id)
    if not upload.storage_upload_id:
        return []
    storage = resources.storages.open(upload.storage)
    try:
        return list(islice(storage.list_parts(upload.key, upload.storage_upload_id, after=after), limit))
    except UploadMissing:
        # The server that completed it may have died before it was recorded.
        complete(resources, project_id, upload_id)
        raise _is_complete(upload_id) from None


def complete(resources: Resources, project_id: str, upload_id: str) -> Upload:
    """Join the parts to the archive; a completed upload is not changed.

    Raises:
        NotFound, Gone
        UploadIncomplete: parts are missing, or one is not as long as planned.
    """
    with resources.database.reading() as session:
        upload = find(session, project_id, upload_id)
    if upload.completed:
        return upload
    storage = resources.storages.open(upload.storage)
    upload = records.begun_at_storage(resources, storage, upload)
    planned = plan_of(upload)
    try:
        storage.complete_upload(upload.key, upload.storage_upload_id, planned.parts())
    except UploadInvalid as error:
        raise _incomplete(storage, upload, planned) from error
    except UploadMissing as error:
        raise Gone(f"the storage no longer has upload {upload_id}; begin a new one") from error
    return resources.database.run(lambda session: records.mark_complete(session, upload.id))


def remove(session: Session, project_id: str, upload_id: str) -> None:
    """Remove an upload; the sweep removes its parts. Raises: NotFound, Gone, Conflict (an import reads it)."""
    records.remove(session, project_id, upload_id, multipart=True)


def _unfinished(resources: Resources, project_id: str, upload_id: str) -> tuple[Upload, datetime]:
    """The upload and the time. Raises: NotFound, Gone, Conflict."""
    with resources.database.reading() as session:
        upload, moment = find(session, project_id, upload_id), now(session)
    if upload.completed:
        raise _is_complete(upload_id)
    return upload, moment


def _is_complete(upload_id: str) -> Conflict:
    return Conflict(f"upload {upload_id} is complete")


def _incomplete(storage: Storage, upload: Upload, planned: UploadPartPlan) -> UploadIncomplete:
    sent = {part.number: part.length for part in storage.list_parts(upload.key, upload.storage_upload_id)}
    wanted = (part.number for part in planned.parts() if sent.get(part.number) != part.length)
    shown = ", ".join(_ranges(wanted, max_ranges=MAX_RANGES_SHOWN))
    return UploadIncomplete(f"upload {upload.id} cannot be completed yet; send these parts: {shown}")


def _ranges(numbers: Iterable[int], *, max_ranges: int) -> list[str]:
    """Ascending numbers as `1-3`, `7`; further ranges are `…`."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1] = [ranges[-1][0], number]
        elif len(ranges) == max_ranges:
            return [*map(_range_text, ranges), "…"]
        else:
            ranges.append([number])
    return [*map(_range_text, ranges)]


def _range_text(ends: list[int]) -> str:
    return "-".join(map(str, ends))
