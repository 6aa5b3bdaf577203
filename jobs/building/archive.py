"""Build an archive: lay it out, then write it in parts; shared by export and download."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from datacenter.database.engine import now
from datacenter.datasets.archives.members import SIDECARS, write_members
from datacenter.datasets.archives.records import is_wanted, selection_of
from datacenter.datasets.archives.selection import Selection
from datacenter.datasets.models import Archive, ArchiveState, Litter
from datacenter.errors import Gone
from datacenter.ledger.leases import Totals
from datacenter.ledger.states import Step
from jobs.building import deflate, parts, rendering
from jobs.contract import Ending, JobContext, NextWave, Plan
from jobs.shard_specs import SpecReader

SPECS = SpecReader[rendering.TablePart | deflate.DeflateSpan | parts.ArchivePart](
    rendering.TablePart, deflate.DeflateSpan, parts.ArchivePart
)
STREAM_LIFETIME = timedelta(hours=1)
"""Streams that began before the archive was ready keep reading its source objects; a longer one is cut, and resumes."""


def find_archive(job: JobContext) -> Archive:
    """The archive that the job is about. Raises: Gone."""
    with job.resources.database.reading() as session:
        archive = session.get(Archive, job.payload["archive_id"])
    if archive is None or (archive.state == ArchiveState.EXPIRED and job.held.step is not Step.UNDO):
        raise Gone("the archive has expired; request it again")
    return archive


def plan(job: JobContext, archive: Archive, *, write: bool) -> Plan:
    """Lay the archive out, unless that was done before; with `write`, also plan the parts of the finished archive."""
    if archive.state == ArchiveState.PLANNED:
        if rendering.rendered_versions(archive):
            return rendering.plan_rendering(job, archive)
        _lay_out(job, archive, selection_of(archive.request))
    if not write or archive.state == ArchiveState.READY:
        return Plan(shards=[], totals=Totals(files=0, size_bytes=0), phase="laying out")
    if _is_deflated(archive):
        return deflate.plan_spans(job, archive)
    layout = job.resources.layouts.get(job.resources.storages.open(archive.storage), archive)
    return Plan(
        shards=parts.plan_part_shards(job, archive),
        totals=Totals(files=layout.files - SIDECARS, size_bytes=layout.size_bytes),
        phase="writing the archive",
    )


def run_shard(job: JobContext, archive: Archive, spec: dict[str, Any]) -> dict[str, Any]:
    """Render a part of a table, deflate a span of members, or write a part; nothing if the archive is READY already."""
    if archive.state == ArchiveState.READY:
        return {}
    match SPECS.read(spec):
        case rendering.TablePart() as table_part:
            return rendering.render_part(job, archive, table_part)
        case deflate.DeflateSpan() as span:
            return deflate.deflate_span(job, archive, span)
        case parts.ArchivePart() as part:
            return parts.write_part(job, archive, part)


def finish(
    job: JobContext, archive: Archive, results: Iterator[dict[str, Any]], *, write: bool
) -> NextWave | Ending:
    """Complete the archive; the caller adds its own fields to the ending's result."""
    storage = job.resources.storages.open(archive.storage)
    name = archive.object_name
    if archive.state == ArchiveState.READY:
        # Another job finished the archive first; remove what this one began.
        _remove_unless_published(job, archive)
    else:
        # One small result per part: at most 10,000 parts of an archive, or the parts of its tables.
        collected = list(results)
        wave = _next_wave(job, archive, collected, write=write)
        if wave is not None:
            return wave
        if write:
            name = parts.complete(job, archive, iter(collected)).removeprefix(archive.prefix)
    layout = job.resources.layouts.get(storage, archive)
    files = layout.files - SIDECARS
    reached = ArchiveState.READY if write else ArchiveState.LAID_OUT
    lifetime = timedelta(seconds=job.resources.settings.lifetimes.archive_seconds)

    def publish(session: Session) -> None:
        row = session.get_one(Archive, archive.id, with_for_update=True, populate_existing=True)
        if row.state == ArchiveState.EXPIRED:
            raise Gone("the archive expired while it was built; request it again")
        row.files, row.size_bytes, row.etag = files, layout.size_bytes, row.fingerprint[:32]
        if row.state != ArchiveState.READY:
            row.state, row.object_name = reached, name
        row.expires_at = max(row.expires_at, now(session) + lifetime)
        if row.state == ArchiveState.READY:
            for prefix, keep in _intermediate_prefixes(row).items():
                session.add(Litter(storage=row.storage, prefix=prefix, due_at=now(session) + keep))

    result = {"files": files, "size_bytes": layout.size_bytes, "filename": archive.filename}
    return Ending(result=result, publish=publish)


def _next_wave(
    job: JobContext, archive: Archive, results: list[dict[str, Any]], *, write: bool
) -> NextWave | None:
    """The next shards, if any: parts of tables are rendered, then members deflated, then the archive is written."""
    done = {step for result in results for step in ("rendered", "fragment", "part") if step in result}
    if rendering.rendered_versions(archive) and not done & {"fragment", "part"}:
        if archive.state == ArchiveState.PLANNED:
            _lay_out(job, archive, rendering.rendered_selection(job, archive, results))
        if write and _is_deflated(archive):
            return NextWave(shards=deflate.plan_spans(job, archive).shards)
    elif "fragment" in done and "part" not in done:
        deflate.join_members(job, archive, (result for result in results if "fragment" in result))
    return NextWave(shards=parts.plan_part_shards(job, archive)) if write and "part" not in done else None


def _lay_out(job: JobContext, archive: Archive, selection: Selection) -> None:
    key = deflate.plain_key(archive) if _is_deflated(archive) else archive.members_key
    write_members(job.resources, archive, selection, key, job.check)


def _is_deflated(archive: Archive) -> bool:
    return bool(archive.request["compression"] == "deflate")


def _intermediate_prefixes(archive: Archive) -> dict[str, timedelta]:
    """Prefixes of the intermediate objects, and how long running streams may still read each."""
    made = {}
    if _is_deflated(archive):
        made[deflate.deflated_prefix(archive)] = timedelta(0)
    if rendering.rendered_versions(archive):
        made[rendering.rendered_prefix(archive)] = STREAM_LIFETIME
    return made


def undo(job: JobContext, archive: Archive) -> Ending:
    """Abort what the job itself began; the archive expires, too, if no other job waits for it or reads it."""
    _remove_unless_published(job, archive)

    def publish(session: Session) -> None:
        # Locked: a request for the same archive at this moment comes either before, and keeps it, or after.
        row = session.get_one(Archive, archive.id, with_for_update=True, populate_existing=True)
        if row.state == ArchiveState.PLANNED and not is_wanted(session, row, except_job_id=job.job_id):
            row.state = ArchiveState.EXPIRED
            session.add(Litter(storage=row.storage, prefix=row.prefix, due_at=now(session)))

    return Ending(result=None, publish=publish)


def _remove_unless_published(job: JobContext, archive: Archive) -> None:
    if not archive.key.startswith(parts.own_prefix(job, archive)):
        parts.remove_own(job, archive)
