"""Export: files and labels of several datasets, selected by label, laid out and written by many workers as one archive."""

from collections.abc import Iterator
from typing import Any, ClassVar

from sqlalchemy.orm import Session

from datacenter.ledger.states import JobKind
from jobs.building import archive as building
from jobs.contract import Ending, JobContext, NextWave, Plan


class ExportDataset:
    """The job's result is the archive; a download gives a link to it."""

    kind: ClassVar[JobKind] = JobKind.EXPORT

    def plan(self, job: JobContext) -> Plan:
        return building.plan(job, building.find_archive(job), write=True)

    def run_shard(self, job: JobContext, spec: dict[str, Any]) -> dict[str, Any]:
        return building.run_shard(job, building.find_archive(job), spec)

    def finish(self, job: JobContext, results: Iterator[dict[str, Any]]) -> Ending | NextWave:
        ending = building.finish(job, building.find_archive(job), results, write=True)
        if isinstance(ending, NextWave):
            return ending
        result = {"export": job.payload["export_id"], **(ending.result or {})}
        return Ending(result=result, publish=ending.publish)

    def undo(self, job: JobContext) -> Ending:
        return building.undo(job, building.find_archive(job))

    def interrupted(self, session: Session, payload: dict[str, Any]) -> None:
        """Nothing: an archive that is not READY cannot be fetched."""

    def given_up(self, session: Session, payload: dict[str, Any]) -> None:
        """Nothing: the archive expires, and the sweep removes it."""
