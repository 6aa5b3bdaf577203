"""Upload records, shared by both kinds of uploads: by tus and in parts directly to the storage."""

from datetime import timedelta

from sqlalchemy.orm import Session

from datacenter.database.engine import new_id, now
from datacenter.datasets import places
from datacenter.datasets.models import Litter, Upload
from datacenter.datasets.resources import Resources
from datacenter.errors import Conflict, Gone, NotFound, TooLarge
from datacenter.storages.owners import resolve
from storage_adapters.object_storage.contract import Storage


def add(
    session: Session,
    resources: Resources,
    *,
    project_id: str,
    filename: str,
    size_bytes: int,
    storage: str | None,
    metadata: str = "",
    part_bytes: int | None = None,
) -> Upload:
    """Add the row of a new upload; it begins at the storage with its first byte. Raises: Invalid (the storage)."""
    key = resolve(session, resources.storages, project_id, storage)
    name = places.target(session, resources.storages, key)
    upload_id, time = new_id(), now(session)
    upload = Upload(
        id=upload_id,
        project_id=project_id,
        storage=name,
        key=f"uploads/{upload_id}/archive",
        storage_upload_id="",
        filename=filename,
        upload_metadata=metadata,
        size_bytes=size_bytes,
        offset_bytes=0,
        parts=[],
        part_bytes=part_bytes,
        completed=False,
        created_at=time,
        expires_at=time + timedelta(seconds=resources.settings.lifetimes.upload_seconds),
    )
    session.add(upload)
    session.flush()
    return upload


def check_size(resources: Resources, size_bytes: int, *, field: str) -> None:
    """Raises: TooLarge if the size exceeds the limit of an upload."""
    limit = resources.settings.limits.upload_bytes
    if size_bytes > limit:
        raise TooLarge(f"{field}: {size_bytes} bytes exceed the limit of {limit}", field=field)


def find(session: Session, project_id: str, upload_id: str, *, multipart: bool) -> Upload:
    """An upload of the project. Raises: NotFound, also for the other kind of upload; Gone if it has expired."""
    upload = session.get(Upload, upload_id)
    if upload is None or upload.project_id != project_id or (upload.part_bytes is not None) != multipart:
        raise NotFound(f"there is no upload {upload_id}")
    if upload.expires_at <= now(session) and upload.job_id is None:
        raise Gone(f"upload {upload_id} has expired; begin a new one")
    return upload


def locked(session: Session, upload_id: str) -> Upload:
    """The row, locked until this transaction ends. Raises: NotFound."""
    row = session.get(Upload, upload_id, with_for_update=True)
    if row is None:
        raise NotFound(f"there is no upload {upload_id}")
    return row


def begun_at_storage(resources: Resources, storage: Storage, upload: Upload) -> Upload:
    """The upload, begun at the storage if it was not before: with the first byte, not with the row.

    So every upload of the storage has the key of a row, and expires with it even after a crash in between.

    Raises: NotFound if it was removed meanwhile; nothing is left on the storage.
    """
    if upload.storage_upload_id:
        return upload
    begun = storage.begin_upload(upload.key)
    try:
        recorded = resources.database.run(lambda session: _record_upload_id(session, upload.id, begun))
    except NotFound:
        storage.abort_upload(upload.key, begun)
        raise
    if recorded.storage_upload_id != begun:
        storage.abort_upload(upload.key, begun)
    return recorded


def mark_complete(session: Session, upload_id: str) -> Upload:
    """Mark the upload as completed: its object exists, and an import may read it."""
    row = locked(session, upload_id)
    row.completed, row.offset_bytes = True, row.size_bytes
    return row


def remove(session: Session, project_id: str, upload_id: str, *, multipart: bool) -> None:
    """Remove an upload; the sweep removes its bytes.

    Raises:
        NotFound, Gone
        Conflict: an import reads it.
    """
    locked(session, upload_id)
    upload = find(session, project_id, upload_id, multipart=multipart)
    if upload.job_id is not None:
        raise Conflict(f"job {upload.job_id} imports upload {upload_id}; wait for it or cancel it")
    session.add(Litter(storage=upload.storage, prefix=f"uploads/{upload.id}/", due_at=now(session)))
    session.delete(upload)


def _record_upload_id(session: Session, upload_id: str, storage_upload_id: str) -> Upload:
    """Record the storage's upload id unless another request was first."""
    row = locked(session, upload_id)
    row.storage_upload_id = row.storage_upload_id or storage_upload_id
    return row
