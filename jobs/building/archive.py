"""Build an archive: lay it out, then write it in parts; what export and download have in common."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from datacenter.database import now
from datacenter.datasets.members import SIDECARS, write_members
from datacenter.datasets.models import Archive, ArchiveState, Download, Export, Litter
from datacenter.ledger.leases import ShardPlan, Totals
from datacenter.ledger.models import Job
from datacenter.ledger.states import FINISHED
from jobs.building import deflate, parts
from jobs.contract import Ending, JobContext, NextWave, Plan
from jobs.leftovers import abort_uploads


def find_archive(job: JobContext) -> Archive:
    """The archive that the job is about."""
    with job.resources.database.reading() as session:
        return session.get_one(Archive, job.payload["archive_id"])


def plan(job: JobContext, archive: Archive, *, write: bool) -> Plan:
    """Lay the archive out, unless that was done before; `write` asks for the finished archive, too."""
    deflated = archive.request["compression"] == "deflate"
    if archive.state == ArchiveState.PLANNED:
        key = deflate.plain_key(archive) if deflated else archive.members_key
        write_members(job.resources, archive, key, job.check)
    if not write or archive.state == ArchiveState.READY:
        return Plan(shards=[], totals=Totals(files=0, size_bytes=0), phase="laying out")
    if deflated:
        return deflate.plan_spans(job, archive)
    layout = job.resources.layouts.get(job.resources.storages.open(archive.storage), archive)
    return Plan(
        shards=_plan_parts(job, archive),
        totals=Totals(files=layout.files - SIDECARS, size_bytes=layout.size_bytes),
        phase="writing the archive",
    )


def run_shard(job: JobContext, archive: Archive, spec: dict[str, Any]) -> dict[str, Any]:
    """Write a part, or deflate the members of a span."""
    if "span" in spec:
        return deflate.deflate_span(job, archive, spec)
    return parts.write_part(job, archive, spec)


def finish(
    job: JobContext, archive: Archive, results: Iterator[dict[str, Any]], *, write: bool
) -> NextWave | Ending:
    """Complete the archive; the ending has yet to say what the job's own result is."""
    storage = job.resources.storages.open(archive.storage)
    if write and archive.state != ArchiveState.READY:
        found = list(results)
        if not any("part" in result for result in found):
            deflate.join_members(job, archive, found)
            return NextWave(shards=_plan_parts(job, archive))
        parts.complete(job, archive, iter(found))
    layout = job.resources.layouts.get(storage, archive)
    state = ArchiveState.READY if write else ArchiveState.LAID_OUT
    files = layout.files - SIDECARS
    values = {"files": files, "size_bytes": layout.size_bytes, "etag": archive.fingerprint[:32]}

    def publish(session: Session) -> None:
        session.execute(update(Archive).where(Archive.id == archive.id).values(**values))
        # What is READY stays so, and what has expired is being removed.
        begun = (ArchiveState.PLANNED, ArchiveState.LAID_OUT)
        unfinished = (Archive.id == archive.id, Archive.state.in_(begun))
        session.execute(update(Archive).where(*unfinished).values(state=state))
        if archive.request["compression"] == "deflate":
            prefix = deflate.deflated_prefix(archive)
            session.add(Litter(storage=archive.storage, prefix=prefix, due_at=now(session)))

    result = {"files": files, "size_bytes": layout.size_bytes, "filename": archive.filename}
    return Ending(result=result, publish=publish)


def undo(job: JobContext, archive: Archive) -> Ending:
    """Abort what was begun; what nobody else is waiting for goes, too."""
    storage = job.resources.storages.open(archive.storage)
    if archive.state in (ArchiveState.READY, ArchiveState.EXPIRED) or _is_shared(job, archive):
        return Ending(result=None)
    abort_uploads(storage, archive.prefix)
    if archive.state == ArchiveState.LAID_OUT:
        # Its layout is being streamed; only what this job has written goes.
        for outcome in storage.delete([archive.key]):
            if outcome.error is not None:
                raise outcome.error
        return Ending(result=None)

    def publish(session: Session) -> None:
        session.execute(update(Archive).where(Archive.id == archive.id).values(state=ArchiveState.EXPIRED))
        session.add(Litter(storage=archive.storage, prefix=archive.prefix, due_at=now(session)))

    return Ending(result=None, publish=publish)


def _plan_parts(job: JobContext, archive: Archive) -> list[ShardPlan]:
    """The parts of a new upload; what an earlier attempt at this step began is forgotten."""
    if not _is_shared(job, archive):
        abort_uploads(job.resources.storages.open(archive.storage), archive.prefix)
    return parts.plan_parts(job, archive)


def _is_shared(job: JobContext, archive: Archive) -> bool:
    """Whether another job that has not ended is about the same archive."""
    with job.resources.database.reading() as session:
        return any(_is_wanted(session, archive, job.job_id, request) for request in (Export, Download))


def _is_wanted(
    session: Session, archive: Archive, job_id: str, request: type[Export] | type[Download]
) -> bool:
    query = (
        select(Job.id)
        .join(request, request.job_id == Job.id)
        .where(request.archive_id == archive.id, Job.id != job_id, Job.state.not_in(FINISHED))
    )
    return session.scalars(query.limit(1)).first() is not None
