"""Uploads by tus: an archive that arrives here in pieces, each kept as soon as it is answered, until it is complete."""

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
from datacenter.datasets.uploads.buffering import ReceivedBytes, add_piece, forget_tails
from datacenter.datasets.uploads.records import locked, mark_complete, opened
from datacenter.errors import Conflict, Invalid, Locked, TooLarge
from storage_adapters.errors import UploadMissing
from storage_adapters.object_storage.contract import Buffer

CLAIM = timedelta(seconds=30)
"""After so long without a renewal a writer is taken for dead."""
RENEWALS = 3


def take_claim(session: Session, upload: Upload) -> None:
    """Claim the right to write; the row is locked. Raises: Locked: another client holds it."""
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
    """A claim that was taken. Within its block a thread renews it, so that a slow storage does not end it."""

    def __init__(self, resources: Resources, claimed: Upload) -> None:
        self._resources = resources
        self._upload_id = claimed.id
        self._until = claimed.claimed_until
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    @property
    def mine(self) -> ColumnElement[bool]:
        """Whether the row still carries this claim; outside of the block. No two claims end at the same moment."""
        return (Upload.id == self._upload_id) & (Upload.claimed_until == self._until)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def release(self, session: Session) -> None:
        """Give the claim back, if it is still this one."""
        session.execute(update(Upload).where(self.mine).values(claimed_until=None))

    def _renew(self) -> None:
        while not self._done.wait(CLAIM.total_seconds() / RENEWALS):
            try:
                if not self._resources.database.run(self._move):
                    return  # somebody else's by now
            except SQLAlchemyError:
                continue  # there is time for another try

    def _move(self, session: Session) -> bool:
        until = now(session) + CLAIM
        moved = session.execute(update(Upload).where(self.mine).values(claimed_until=until))
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
    """Begin an upload of exactly `size_bytes`; the storage hears of it with the first byte, or `settle` if there is none.

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
    """Raises: NotFound; Gone when it has expired."""
    return records.find(session, project_id, upload_id, multipart=False)


def append(
    resources: Resources, project_id: str, upload_id: str, *, offset_bytes: int, data: Buffer
) -> Upload:
    """Write `data` at the offset, then move the offset past it; the last byte completes the upload.

    Nothing is written by a call that is refused: whoever writes has claimed the upload before. A crash in
    between is harmless: the row still has the old offset, and the client sends the bytes again.

    Raises:
        NotFound, Gone
        Conflict: the upload's offset is another one.
        Locked: somebody else is writing.
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
        resources, _claimed(resources, claimed, lambda claim: _write(resources, claimed, claim, data))
    )


def check_piece(upload: Upload, offset_bytes: int, length: int) -> None:
    """Whether a piece may come next. Raises: Conflict (it begins elsewhere), TooLarge."""
    if upload.offset_bytes != offset_bytes:
        raise _elsewhere(upload.offset_bytes)
    if length > upload.size_bytes - offset_bytes:
        raise TooLarge(f"the upload was announced with {upload.size_bytes} bytes; this would make more")


def settle(resources: Resources, upload: Upload) -> Upload:
    """Complete an upload whose last byte has arrived, also one whose server died just before it did so.

    Raises: Locked: somebody else is at it.
    """
    if upload.completed or upload.offset_bytes < upload.size_bytes:
        return upload
    claimed = resources.database.run(lambda session: _claim_end(session, upload.id))
    if claimed.completed:
        return claimed
    return _claimed(resources, claimed, lambda claim: _complete(resources, claimed, claim))


def remove(session: Session, project_id: str, upload_id: str) -> None:
    """Forget an upload; the sweep removes its bytes. Raises: NotFound, Gone, Conflict (an import reads it)."""
    records.remove(session, project_id, upload_id, multipart=False)


def _claim(session: Session, project_id: str, upload_id: str, offset_bytes: int, length: int) -> Upload:
    """Keep everybody else from writing until the piece has been written, or the writer is taken for dead."""
    locked(session, upload_id)
    upload = find(session, project_id, upload_id)
    check_piece(upload, offset_bytes, length)
    take_claim(session, upload)
    return upload


def _claim_end(session: Session, upload_id: str) -> Upload:
    upload = locked(session, upload_id)
    if not upload.completed:
        take_claim(session, upload)
    return upload


def _claimed(resources: Resources, claimed: Upload, work: Callable[[UploadClaim], Upload]) -> Upload:
    """Do the work, which gives the claim back; if it fails the claim is given back here, or ends by itself."""
    claim = UploadClaim(resources, claimed)
    try:
        return work(claim)
    except BaseException:
        with suppress(SQLAlchemyError):
            resources.database.run(claim.release)
        raise


def _write(resources: Resources, upload: Upload, claim: UploadClaim, data: Buffer) -> Upload:
    storage = resources.storages.open(upload.storage)
    arrived = ReceivedBytes.from_rows(upload.parts)
    with claim:
        begun = opened(resources, storage, upload)
        after = add_piece(storage, begun, arrived, data)
    advanced = resources.database.run(
        lambda session: _advance(session, upload, claim, after.rows(), len(data))
    )
    # Only now does nobody need them any more. What is left of them goes with the upload.
    forget_tails(storage, set(arrived.tails) - set(after.tails))
    return advanced


def _advance(
    session: Session, upload: Upload, claim: UploadClaim, parts: list[dict[str, Any]], length: int
) -> Upload:
    """Count the piece and give the claim back."""
    moved = session.execute(
        update(Upload)
        .where(claim.mine, Upload.offset_bytes == upload.offset_bytes)
        .values(offset_bytes=upload.offset_bytes + length, parts=parts, claimed_until=None)
    )
    row = locked(session, upload.id)
    if cast(CursorResult[Any], moved).rowcount == 0:
        if row.offset_bytes != upload.offset_bytes:
            raise _elsewhere(row.offset_bytes)
        raise _in_use(row.id)
    return row


def _complete(resources: Resources, upload: Upload, claim: UploadClaim) -> Upload:
    storage = resources.storages.open(upload.storage)
    with claim:
        upload = opened(resources, storage, upload)
        parts = list(ReceivedBytes.from_rows(upload.parts).parts)
        if not parts:
            # Not every storage publishes an upload without any part. Unknown: it was published, and the answer got lost.
            with suppress(UploadMissing):
                parts = [storage.upload_part(upload.key, upload.storage_upload_id, 1, 0, [])]
        storage.complete_upload(upload.key, upload.storage_upload_id, parts)

    def mark(session: Session) -> Upload:
        claim.release(session)
        return mark_complete(session, upload.id)

    return resources.database.run(mark)


def _elsewhere(offset_bytes: int) -> Conflict:
    return Conflict(f"Upload-Offset: the upload is at {offset_bytes}", field="Upload-Offset")
