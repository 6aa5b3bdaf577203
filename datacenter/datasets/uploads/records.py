"""Upload records: what uploads of both kinds have in common, by tus and in parts straight to the storage."""

from datetime import timedelta

from sqlalchemy.orm import Session

from datacenter.database.engine import new_id, now
from datacenter.datasets import places
from datacenter.datasets.models import Litter, Upload
from datacenter.datasets.resources import Resources
from datacenter.errors import Conflict, Gone, NotFound, TooLarge
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
    """A row for an upload that is to come; the storage hears of it with its first byte. Raises: Invalid (the storage)."""
    name = places.target(session, resources.storages, storage)
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
    """Raises: TooLarge: more than an upload may have."""
    limit = resources.settings.limits.upload_bytes
    if size_bytes > limit:
        raise TooLarge(f"{field}: {size_bytes} bytes; at most {limit} are taken", field=field)


def find(session: Session, project_id: str, upload_id: str, *, multipart: bool) -> Upload:
    """Raises: NotFound, also for one of the other kind; Gone when it has expired."""
    upload = session.get(Upload, upload_id)
    if upload is None or upload.project_id != project_id or (upload.part_bytes is not None) != multipart:
        raise NotFound(f"there is no upload {upload_id}")
    if upload.expires_at <= now(session) and upload.job_id is None:
        raise Gone(f"upload {upload_id} has expired")
    return upload


def locked(session: Session, upload_id: str) -> Upload:
    """The row, which nobody else changes before this transaction ends. Raises: NotFound."""
    row = session.get(Upload, upload_id, with_for_update=True)
    if row is None:
        raise NotFound(f"there is no upload {upload_id}")
    return row


def opened(resources: Resources, storage: Storage, upload: Upload) -> Upload:
    """The upload with its counterpart at the storage, begun with the first byte and not with the row.

    So every upload of the storage lies under the key of a row, and expires with it whatever crashes in between.

    Raises: NotFound: it was removed meanwhile; nothing is left at the storage.
    """
    if upload.storage_upload_id:
        return upload
    begun = storage.begin_upload(upload.key)
    try:
        remembered = resources.database.run(lambda session: _remember(session, upload.id, begun))
    except NotFound:
        storage.abort_upload(upload.key, begun)
        raise
    if remembered.storage_upload_id != begun:
        storage.abort_upload(upload.key, begun)
    return remembered


def mark_complete(session: Session, upload_id: str) -> Upload:
    """The object is there; from now on an import may read it."""
    row = locked(session, upload_id)
    row.completed, row.offset_bytes = True, row.size_bytes
    return row


def remove(session: Session, project_id: str, upload_id: str, *, multipart: bool) -> None:
    """Forget an upload; the sweep removes its bytes.

    Raises:
        NotFound, Gone
        Conflict: an import has been asked to read it.
    """
    locked(session, upload_id)
    upload = find(session, project_id, upload_id, multipart=multipart)
    if upload.job_id is not None:
        raise Conflict(f"upload {upload_id} is being read by job {upload.job_id}")
    session.add(Litter(storage=upload.storage, prefix=f"uploads/{upload.id}/", due_at=now(session)))
    session.delete(upload)


def _remember(session: Session, upload_id: str, storage_upload_id: str) -> Upload:
    """Keep the storage's id unless another request was first."""
    row = locked(session, upload_id)
    row.storage_upload_id = row.storage_upload_id or storage_upload_id
    return row
