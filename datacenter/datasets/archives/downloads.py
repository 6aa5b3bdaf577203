"""Downloads: a link to an archive, which is either built first or laid out and served while it is read."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import orjson
from pydantic import SecretStr
from sqlalchemy.orm import Session

from datacenter.database.engine import new_id, now
from datacenter.datasets.archives import exports
from datacenter.datasets.archives.members import ArchiveReader
from datacenter.datasets.archives.records import (
    ArchiveForm,
    find_or_plan,
    is_alive,
    request_record,
    wait_for_current_builder,
)
from datacenter.datasets.label_filter import LabelFilter
from datacenter.datasets.models import Archive, ArchiveState, Delivery, Download
from datacenter.datasets.resources import Resources
from datacenter.errors import Gone, Invalid, LinkInvalid, NotFound, SettingsInvalid
from datacenter.ledger import ledger
from datacenter.ledger.models import Job
from datacenter.ledger.options import JobOptions
from datacenter.ledger.states import JobKind
from storage_adapters.object_storage.contract import ByteRange

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class DownloadRequest:
    """A request for a download link."""

    delivery: Delivery
    labels: LabelFilter = field(default_factory=LabelFilter)
    archive: str = "zip"
    expires_in: timedelta | None = None


def create_for_dataset(
    session: Session,
    resources: Resources,
    project_id: str,
    dataset_id: str,
    request: DownloadRequest,
    options: JobOptions,
) -> tuple[Download, Job]:
    """Add a download of a dataset's newest version and the job that makes it ready.

    Raises: NotFound, DatasetNotReady, Invalid.
    """
    form = ArchiveForm(archive=request.archive)
    form.check()
    selection = exports.select_versions(session, project_id, [(dataset_id, None)], request.labels)
    version = selection.versions[0]
    record = request_record(selection, form, storage=version.storage)
    job_id = new_id()
    lifetime = timedelta(seconds=resources.settings.lifetimes.archive_seconds)
    archive = find_or_plan(session, project_id, record, name=version.name, job_id=job_id, lifetime=lifetime)
    return _create(session, resources, project_id, archive, request, options, job_id)


def create_for_export(
    session: Session,
    resources: Resources,
    project_id: str,
    export_id: str,
    request: DownloadRequest,
    options: JobOptions,
) -> tuple[Download, Job]:
    """Add a download of an export's archive. Raises: NotFound, Gone, Invalid."""
    if request.labels != LabelFilter():
        raise Invalid("labels: an export has its own selection; leave this field out", field="labels")
    _, archive = exports.find_living(session, project_id, export_id)
    if request.delivery == Delivery.STREAM and archive.request["compression"] != "none":
        raise Invalid("delivery: a compressed export cannot be streamed; use archive", field="delivery")
    return _create(session, resources, project_id, archive, request, options, new_id())


def find(session: Session, project_id: str, download_id: str) -> tuple[Download, Archive]:
    """A download that can be fetched. Raises: NotFound, Gone."""
    download = session.get(Download, download_id)
    if download is None or download.project_id != project_id:
        raise NotFound(f"there is no download {download_id}")
    return download, _fetchable(session, download)


def link(resources: Resources, download: Download, archive: Archive, base_url: str) -> str:
    """A link that needs no token and works until the download expires."""
    storage = resources.storages.open(archive.storage)
    if download.delivery == Delivery.ARCHIVE and storage.capabilities.presign:
        return storage.presign(archive.key, download.expires_at - datetime.now(UTC))
    token = sign_link(resources.settings.web.secret_key, download)
    # A program that saves the last part of a link takes the file's name, not a credential.
    return f"{base_url.rstrip('/')}/d/{token}/{quote(download.filename.replace('/', '_'), safe='')}"


def resolve(session: Session, resources: Resources, token: str) -> tuple[Download, Archive]:
    """The download of a signed link. Raises: LinkInvalid (altered), Gone (expired, or a stream whose dataset was deleted)."""
    download_id, project_id = check_link(resources.settings.web.secret_key, token, now(session))
    download = session.get(Download, download_id)
    if download is None or download.project_id != project_id:
        raise Gone("the link's download has expired; request a new one")
    return download, _fetchable(session, download)


def read(
    resources: Resources, download: Download, archive: Archive, start: int, stop: int
) -> Iterator[bytes]:
    """Bytes `start` to `stop` of the archive; for `stream` it need not exist yet."""
    storage = resources.storages.open(archive.storage)
    if archive.state == ArchiveState.READY:
        return storage.read_ranges(
            ByteRange(key=archive.key, offset=at, length=min(CHUNK_BYTES, stop - at))
            for at in range(start, stop, CHUNK_BYTES)
        )
    return _joined(ArchiveReader(resources, archive).read(start, stop))


def _joined(chunks: Iterator[bytes | memoryview]) -> Iterator[bytes]:
    """The same bytes in larger pieces: an archive of small files comes as two small chunks for each file."""
    buffered: list[bytes | memoryview] = []
    size_bytes = 0
    for chunk in chunks:
        buffered.append(chunk)
        size_bytes += len(chunk)
        if size_bytes >= CHUNK_BYTES:
            yield b"".join(buffered)
            buffered, size_bytes = [], 0
    if buffered:
        yield b"".join(buffered)


def _create(
    session: Session,
    resources: Resources,
    project_id: str,
    archive: Archive,
    request: DownloadRequest,
    options: JobOptions,
    job_id: str,
) -> tuple[Download, Job]:
    lifetimes = resources.settings.lifetimes
    lifetime = request.expires_in
    if lifetime is None:
        lifetime = timedelta(seconds=lifetimes.link_seconds)
    ceiling = timedelta(seconds=lifetimes.link_ceiling_seconds)
    if not timedelta(0) < lifetime <= ceiling:
        seconds = int(ceiling.total_seconds())
        raise Invalid(f"expires_in: use 1 to {seconds} seconds", field="expires_in")
    moment = now(session)
    archive.expires_at = max(archive.expires_at, moment + lifetime)
    download = Download(
        id=new_id(),
        project_id=project_id,
        archive_id=archive.id,
        delivery=request.delivery,
        filename=archive.filename,
        job_id=job_id,
        created_at=moment,
        expires_at=moment + lifetime,
    )
    session.add(download)
    job = ledger.enqueue(
        session,
        project_id=project_id,
        kind=JobKind.DOWNLOAD,
        payload={
            "archive_id": archive.id,
            "download_id": download.id,
            "delivery": request.delivery.value,
        },
        dataset_ids=archive.dataset_ids,
        options=options,
        after_any_end=(
            wait_for_current_builder(session, archive, job_id) if request.delivery == Delivery.ARCHIVE else []
        ),
        job_id=job_id,
    )
    return download, job


def _fetchable(session: Session, download: Download) -> Archive:
    archive = session.get_one(Archive, download.archive_id)
    moment = now(session)
    if download.expires_at <= moment or not is_alive(archive, moment):
        raise Gone("the download has expired; request a new one")
    if archive.state == ArchiveState.PLANNED:
        raise Gone("the download is not ready; wait for its job")
    if archive.state == ArchiveState.READY:
        return archive
    if download.delivery == Delivery.ARCHIVE:
        raise Gone("the download is not ready; wait for its job")
    exports.require_datasets(session, archive)
    return archive


def sign_link(secret: SecretStr, download: Download) -> str:
    """The token of a link: method, object, project and expiry, with their HMAC-SHA-256."""
    expires = int(download.expires_at.timestamp())
    content = orjson.dumps(["GET", download.id, download.project_id, expires])
    return f"{_encode(content)}.{_encode(_signature(secret, content))}"


def check_link(secret: SecretStr, token: str, moment: datetime) -> tuple[str, str]:
    """The download and the project that a token names. Raises: LinkInvalid, Gone."""
    content_text, _, signature_text = token.partition(".")
    try:
        content, signature = _decode(content_text), _decode(signature_text)
    except (binascii.Error, ValueError) as error:
        raise LinkInvalid("the link is damaged; copy it again in full") from error
    if not hmac.compare_digest(signature, _signature(secret, content)):
        raise LinkInvalid("the link was altered or signed with another key; request a new one")
    _, download_id, project_id, expires = orjson.loads(content)
    if datetime.fromtimestamp(expires, UTC) <= moment:
        raise Gone("the link has expired; request a new one")
    return download_id, project_id


def _signature(secret: SecretStr, content: bytes) -> bytes:
    key = secret.get_secret_value()
    if not key:
        raise SettingsInvalid("web.secret_key: required for links; set DATACENTER__WEB__SECRET_KEY")
    return hmac.digest(key.encode(), content, hashlib.sha256)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _encode(data) != text:
        raise ValueError("not the canonical encoding")
    return data
