"""Sweep: the periodic repair and cleanup after crashes and expiry."""

from datetime import timedelta

import structlog
from sqlalchemy import Exists, delete, or_, select, update
from sqlalchemy.orm import Session

from datacenter.access.audit import purge_audit
from datacenter.database.engine import now
from datacenter.datasets.archives.records import is_wanted
from datacenter.datasets.models import (
    Archive,
    ArchiveState,
    DeletedDataset,
    Download,
    Export,
    Litter,
    Upload,
)
from datacenter.datasets.resources import Resources
from datacenter.datasets.tables.kept import KeptTable
from datacenter.errors import Invalid
from datacenter.ledger.doorbell import BrokerUnavailable
from datacenter.ledger.models import IdempotencyKey, Job
from datacenter.ledger.moves import add_step
from datacenter.ledger.repair import BATCH, queues_with_work, reclaim_expired
from datacenter.ledger.states import FINISHED, JobKind, JobState, Step
from datacenter.settings.model import LifetimeSettings
from jobs.cleanup import abort_uploads, drop_kept
from jobs.registry import runners
from storage_adapters.errors import StorageError
from storage_adapters.registry import holds_tables

MAX_RINGS = 8
log = structlog.get_logger(__name__)


def sweep_once(resources: Resources) -> None:
    """Repair everything in the database that is due, once; every part can run twice, and beside another sweep.

    No storage is called, so that a hung storage cannot block a repair; `remove_litter` removes what is on storages.
    """
    database, settings = resources.database, resources.settings
    while database.run(lambda session: reclaim_expired(session, settings.ledger, notify_runner)) == BATCH:
        pass
    _ring_for_waiting_work(resources)
    database.run(lambda session: undo_old_checkpoints(session, settings.ledger.checkpoint_seconds))
    database.run(expire_archives)
    database.run(expire_uploads)
    database.run(lambda session: purge_expired_rows(session, settings.lifetimes))
    database.run(lambda session: purge_audit(session, settings.lifetimes.audit_seconds))


def notify_runner(session: Session, job: Job, lost: Step) -> None:
    """Call the runner of a job that has ended because its workers were lost in this step."""
    runner = runners()[JobKind(job.kind)]
    mark_ended = runner.given_up if lost == Step.UNDO else runner.interrupted
    mark_ended(session, job.payload)


def _ring_for_waiting_work(resources: Resources) -> None:
    with resources.database.reading() as session:
        waiting = queues_with_work(session)
    try:
        for queue, count in waiting.items():
            for _ in range(min(count, MAX_RINGS)):
                resources.doorbell.ring(queue, "")
    except BrokerUnavailable as error:
        log.warning("broker unavailable", reason=error.detail)


def undo_old_checkpoints(session: Session, keep_seconds: float) -> None:
    """Undo failed jobs that were not retried in time."""
    before = now(session) - timedelta(seconds=keep_seconds)
    old = (Job.state == JobState.FAILURE, Job.finished_at < before, Job.checkpoint)
    for job in session.scalars(select(Job).where(*old).limit(BATCH).with_for_update(skip_locked=True)):
        job.checkpoint, job.outcome = False, JobState.FAILURE
        add_step(session, job, Step.UNDO)


def expire_archives(session: Session) -> None:
    """Turn expired archives into litter, except those that a job still needs; these do not block the others."""
    over = (Archive.state != ArchiveState.EXPIRED, Archive.expires_at < now(session))
    free = select(Archive).where(*over, ~_is_wanted_by(Export), ~_is_wanted_by(Download))
    oldest = free.order_by(Archive.expires_at, Archive.id).limit(BATCH)
    for archive in session.scalars(oldest.with_for_update(skip_locked=True)).all():
        # Checked again with the row locked: a job may have been added meanwhile.
        if is_wanted(session, archive):
            continue
        archive.state = ArchiveState.EXPIRED
        session.add(Litter(storage=archive.storage, prefix=archive.prefix, due_at=now(session)))


def _is_wanted_by(request: type[Export] | type[Download]) -> Exists:
    jobs = select(Job.id).join(request, request.job_id == Job.id)
    return jobs.where(request.archive_id == Archive.id, Job.state.not_in(FINISHED)).exists()


def expire_uploads(session: Session) -> None:
    """Turn expired uploads into litter, except those that a job reads; these do not block the others."""
    reads = or_(Job.state.not_in(FINISHED), Job.checkpoint)
    is_read = select(Job.id).where(Job.id == Upload.job_id, reads).exists()
    free = select(Upload).where(Upload.expires_at < now(session), ~is_read)
    oldest = free.order_by(Upload.expires_at, Upload.id).limit(BATCH)
    for upload in session.scalars(oldest.with_for_update(skip_locked=True)).all():
        # Checked again with the row locked: a job may have been added meanwhile.
        if session.scalar(select(Job.id).where(Job.id == upload.job_id, reads)) is not None:
            continue
        prefix = upload.key.rpartition("/")[0] + "/"
        session.add(Litter(storage=upload.storage, prefix=prefix, due_at=now(session)))
        session.delete(upload)


def purge_expired_rows(session: Session, lifetimes: LifetimeSettings) -> None:
    """Remove expired rows: stored responses, links, archives and ended jobs."""
    moment = now(session)
    replayed_until = moment - timedelta(seconds=lifetimes.idempotency_seconds)
    session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < replayed_until))
    ended_before = moment - timedelta(seconds=lifetimes.job_seconds)
    session.execute(delete(Download).where(Download.expires_at < ended_before))
    expired = select(Archive.id).where(
        Archive.state == ArchiveState.EXPIRED, Archive.expires_at < ended_before
    )
    ids = session.scalars(expired.limit(BATCH)).all()
    session.execute(delete(Export).where(Export.archive_id.in_(ids)))
    session.execute(delete(Archive).where(Archive.id.in_(ids)))
    # A delete that left something behind is kept, because only its `retry` can remove the rest.
    unclean = select(DeletedDataset.job_id)
    old = (Job.state.in_(FINISHED), Job.finished_at < ended_before, ~Job.checkpoint, Job.id.not_in(unclean))
    ids = session.scalars(select(Job.id).where(*old).limit(BATCH)).all()
    session.execute(delete(Job).where(Job.id.in_(ids)))


def remove_litter(resources: Resources) -> None:
    """Remove stored bytes that nothing refers to; what cannot be removed stays on the list."""
    with resources.database.reading() as session:
        due = list(session.scalars(select(Litter).where(Litter.due_at <= now(session)).limit(BATCH)))
    for litter in due:
        try:
            gone = _remove(resources, litter)
        except (StorageError, Invalid) as error:
            reason = resources.storages.redact(error.detail)
            log.warning("litter stays", storage=litter.storage, prefix=litter.prefix, reason=reason)
            gone = False
        resources.database.run(lambda session, litter=litter, gone=gone: _settle(session, litter, gone))  # type: ignore[misc]  # the defaults only bind the loop's values


def _remove(resources: Resources, litter: Litter) -> bool:
    if holds_tables(resources.storages.describe(litter.storage).kind):
        tables = resources.storages.open_tables(litter.storage)
        drop_kept(tables, KeptTable.named(litter.storage, litter.prefix))
        return True
    storage = resources.storages.open(litter.storage)
    abort_uploads(storage, litter.prefix)
    return sum(map(len, storage.delete_prefix(litter.prefix))) == 0


def _settle(session: Session, litter: Litter, gone: bool) -> None:
    if gone:
        session.execute(delete(Litter).where(Litter.id == litter.id))
    else:
        later = now(session) + timedelta(minutes=5)
        session.execute(update(Litter).where(Litter.id == litter.id).values(due_at=later))
