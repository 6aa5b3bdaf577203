"""Download: a link to an archive, which is built first (`archive`) or served as it is read (`stream`)."""

from collections.abc import Iterator
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from datacenter.database.engine import now
from datacenter.datasets.models import Archive, Delivery, Download
from datacenter.ledger.states import JobKind
from jobs.building import archive as building
from jobs.contract import Ending, JobContext, NextWave, Plan


class DownloadArchive:
    """A stream only needs the layout, so its link is ready as soon as the plan is."""

    kind: ClassVar[JobKind] = JobKind.DOWNLOAD

    def plan(self, job: JobContext) -> Plan:
        return building.plan(job, building.find_archive(job), write=_write(job))

    def run_shard(self, job: JobContext, spec: dict[str, Any]) -> dict[str, Any]:
        return building.run_shard(job, building.find_archive(job), spec)

    def finish(self, job: JobContext, results: Iterator[dict[str, Any]]) -> Ending | NextWave:
        ending = building.finish(job, building.find_archive(job), results, write=_write(job))
        if isinstance(ending, NextWave):
            return ending
        download = {"id": job.payload["download_id"]}
        result = {"download": download, **(ending.result or {})}
        return Ending(result=result, publish=lambda session: self._publish(session, job, ending))

    def _publish(self, session: Session, job: JobContext, ending: Ending) -> None:
        """The link's lifetime begins when it can be used."""
        ending.publish(session)
        download = session.get_one(Download, job.payload["download_id"])
        archive = session.get_one(Archive, download.archive_id)
        download.expires_at = now(session) + (download.expires_at - download.created_at)
        archive.expires_at = max(archive.expires_at, download.expires_at)

    def undo(self, job: JobContext) -> Ending:
        return building.undo(job, building.find_archive(job))

    def interrupted(self, session: Session, payload: dict[str, Any]) -> None:
        """Nothing: an archive that is not laid out or READY cannot be fetched."""

    def given_up(self, session: Session, payload: dict[str, Any]) -> None:
        """Nothing: the archive expires, and the sweep removes it."""


def _write(job: JobContext) -> bool:
    return bool(job.payload["delivery"] == Delivery.ARCHIVE)
