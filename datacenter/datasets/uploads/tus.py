"""Uploads by tus: receive an archive in pieces; each is stored before it is acknowledged."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any, Self, cast

from sqlalchemy import ColumnElement, CursorResult, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from datacenter.database.engine import now
from datacenter.datasets.models import Upload
from datacenter.datasets.resources import Resources
from datacenter.datasets.uploads import records
from datacenter.datasets.uploads.buffering import ReceivedBytes, add_piece, delete_tails
from datacenter.datasets.uploads.records import begun_at_storage, locked, mark_complete
from datacenter.errors import Conflict, Invalid, Locked, TooLarge
from storage_adapters.errors import UploadMissing
from storage_adapters.object_storage.contract import Buffer

CLAIM = timedelta(seconds=30)
"""After this time without a renewal, a writer counts as dead."""
RENEWALS = 3


def take_claim(session: Session, upload: Upload) -> None:
    """Claim the right to write; the caller has locked the row. Raises: Locked if another client has the claim."""
    moment = now(session)
    if upload.claimed_until is not None and upload.claimed_until > moment:
        raise _in_use(upload.id)
    upload.claimed_until = moment + CLAIM


def _in_use(upload_id: str) -> Locked:
    """The error for a second writer."""
    return Locked(
        f"another client is sending bytes of upload {upload_id}; ask for its offset and continue there"
    )


class UploadClaim:
    """A claim on an upload. Within its block a thread renews it, so that it does not expire during a slow storage call."""

    def __init__(self, resources: Resources, claimed: Upload) -> None:
        self._resources = resources
        self._upload_id = claimed.id
        self._until = claimed.claimed_until
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    @property
    def is_held(self) -> ColumnElement[bool]:
        """The condition that the row still has this claim; use it outside of the block. No two claims end at the same time."""
        return (Upload.id == self._upload_id) & (Upload.claimed_until == self._until)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def release(self, session: Session) -> None:
        """Release the claim, if the row still has it."""
        session.execute(update(Upload).where(self.is_held).values(claimed_until=None))

    def _renew(self) -> None:
        while not self._done.wait(CLAIM.total_seconds() / RENEWALS):
            try:
                if not self._resources.database.run(self._move):
                    return  # another client has claimed it by now
            except SQLAlchemyError:
                continue  # there is time for another try

    def _move(self, session: Session) -> bool:
        until = now(session) + CLAIM
        moved = session.execute(update(Upload).where(self.is_held).values(claimed_until=until))
        if cast(CursorResult[Any], moved).rowcount == 0:
            return False
        self._until = until
        return True


def begin(
    session: Session,
    resources: Resources,
    *,
    project_id: str,
    filename: str,
    size_bytes: int,
    metadata: str = "",
    storage: str | None = None,
) -> Upload:
    """Begin an upload of exactly `size_bytes`; it begins at the storage with the first byte, or in `settle` if it is empty.

    Raises:
        TooLarge, Invalid
    """
    records.check_size(resources, size_bytes, field="Upload-Length")
    if size_bytes < 0:
        raise Invalid("Upload-Length: it must not be negative", field="Upload-Length")
    return records.add(
        session,
        resources,
        project_id=project_id,
        filename=filename,
        size_bytes=size_bytes,
        storage=storage,
        metadata=metadata,
    )


def find(session: Session, project_id: str, upload_id: str) -> Upload:
    """A tus upload of the project. Raises: NotFound; Gone if it has expired."""
    return records.find(session, project_id, upload_id, multipart=False)


def append(
    resources: Resources, project_id: str, upload_id: str, *, offset_bytes: int, data: Buffer
) -> Upload:
    """Write `data` at the offset, then move the offset past it; the last byte completes the upload.

    A refused call writes nothing, because the upload is claimed before any write. A crash in between is harmless: the
    row still has the old offset, and the client sends the bytes again.

    Raises:
        NotFound, Gone
        Conflict: the upload has another offset.
        Locked: another client is writing.
        TooLarge: the data would go past the announced size.
    """
    if not len(data):
        with resources.database.reading() as session:
            upload = find(session, project_id, upload_id)
        check_piece(upload, offset_bytes, 0)
        return settle(resources, upload)
    claimed = resources.database.run(
        lambda session: _claim(session, project_id, upload_id, offset_bytes, len(data))
    )
    return settle(
        resources, _run_claimed(resources, claimed, lambda claim: _write(resources, claimed, claim, data))
    )


def check_piece(upload: Upload, offset_bytes: int, length: int) -> None:
    """Check that a piece may come next. Raises: Conflict (another offset), TooLarge."""
    if upload.offset_bytes != offset_bytes:
        raise _wrong_offset(upload.offset_bytes)
    if length > upload.size_bytes - offset_bytes:
        raise TooLarge(f"this piece exceeds the upload's announced size of {upload.size_bytes} bytes")


def settle(resources: Resources, upload: Upload) -> Upload:
    """Complete an upload whose last byte was received, also if a server died just before it did so.

    Raises: Locked: another request is completing it.
    """
    if upload.completed or upload.offset_bytes < upload.size_bytes:
        return upload
    claimed = resources.database.run(lambda session: _claim_completion(session, upload.id))
    if claimed.completed:
        return claimed
    return _run_claimed(resources, claimed, lambda claim: _complete(resources, claimed, claim))


def remove(session: Session, project_id: str, upload_id: str) -> None:
    """Remove an upload; the sweep removes its bytes. Raises: NotFound, Gone, Conflict (an import reads it)."""
    records.remove(session, project_id, upload_id, multipart=False)


def _claim(session: Session, project_id: str, upload_id: str, offset_bytes: int, length: int) -> Upload:
    """Claim the upload, so that no other client writes until the piece is written or the writer counts as dead."""
    locked(session, upload_id)
    upload = find(session, project_id, upload_id)
    check_piece(upload, offset_bytes, length)
    take_claim(session, upload)
    return upload


def _claim_completion(session: Session, upload_id: str) -> Upload:
    upload = locked(session, upload_id)
    if not upload.completed:
        take_claim(session, upload)
    return upload


def _run_claimed(resources: Resources, claimed: Upload, work: Callable[[UploadClaim], Upload]) -> Upload:
    """Do the work, which releases the claim; if it fails, the claim is released here or expires."""
    claim = UploadClaim(resources, claimed)
    try:
        return work(claim)
    except BaseException:
        with suppress(SQLAlchemyError):
            resources.database.run(claim.release)
        raise


def _write(resources: Resources, upload: Upload, claim: UploadClaim, data: Buffer) -> Upload:
    storage = resources.storages.open(upload.storage)
    received = ReceivedBytes.from_rows(upload.parts)
    with claim:
        begun = begun_at_storage(resources, storage, upload)
        after = add_piece(storage, begun, received, data)
    advanced = resources.database.run(
        lambda session: _advance(session, upload, claim, after.rows(), len(data))
    )
    # Needed until the row was advanced. What cannot be deleted now is swept with the upload.
    delete_tails(storage, set(received.tails) - set(after.tails))
    return advanced


def _advance(
    session: Session, upload: Upload, claim: UploadClaim, parts: list[dict[str, Any]], length: int
) -> Upload:
    """Count the piece and release the claim."""
    moved = session.execute(
        update(Upload)
        .where(claim.is_held, Upload.offset_bytes == upload.offset_bytes)
        .values(offset_bytes=upload.offset_bytes + length, parts=parts, claimed_until=None)
    )
    row = locked(session, upload.id)
    if cast(CursorResult[Any], moved).rowcount == 0:
        if row.offset_bytes != upload.offset_bytes:
            raise _wrong_offset(row.offset_bytes)
        raise _in_use(row.id)
    return row


def _complete(resources: Resources, upload: Upload, claim: UploadClaim) -> Upload:
    storage = resources.storages.open(upload.storage)
    with claim:
        upload = begun_at_storage(resources, storage, upload)
        parts = list(ReceivedBytes.from_rows(upload.parts).parts)
        if not parts:
            # Not every storage publishes an upload without parts. UploadMissing: it was published, but the response was lost.
            with suppress(UploadMissing):
                parts = [storage.upload_part(upload.key, upload.storage_upload_id, 1, 0, [])]
        storage.complete_upload(upload.key, upload.storage_upload_id, parts)

    def mark(session: Session) -> Upload:
        claim.release(session)
        return mark_complete(session, upload.id)

    return resources.database.run(mark)


def _wrong_offset(offset_bytes: int) -> Conflict:
    return Conflict(f"Upload-Offset: the upload is at {offset_bytes}; continue there", field="Upload-Offset")
