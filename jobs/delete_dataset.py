"""Delete: remove every object of a dataset, then what is left under its prefix, and its table; report what is left."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar, Literal

from sqlalchemy.orm import Session

from datacenter.datasets.deletion import purge
from datacenter.datasets.manifest import group_bounds, open_rows
from datacenter.datasets.models import DatasetVersion, dataset_prefix
from datacenter.datasets.tables.kept import KeptTable
from datacenter.errors import DataCentreError, Invalid
from datacenter.ledger.leases import ShardPlan, Totals
from datacenter.ledger.states import JobKind
from datacenter.storages.owners import shown_name
from jobs.cleanup import abort_uploads, drop_kept
from jobs.contract import Ending, JobContext, Plan
from jobs.shard_specs import SpecReader, shard
from storage_adapters.errors import ObjectMissing, StorageError, TableMissing
from storage_adapters.object_storage.contract import DeleteOutcome, Storage

MAX_EXAMPLES = 20


@dataclass(frozen=True, kw_only=True)
class DeletePrefix:
    """Everything under a prefix that the storage removes in one call."""

    kind: Literal["delete_prefix"] = "delete_prefix"
    prefix: str
    files: int
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class DeleteRows:
    """The objects that rows `first` to `last` (exclusive) of a row group of the manifest name."""

    kind: Literal["delete_rows"] = "delete_rows"
    manifest: str
    row_group: int
    first: int
    last: int


SPECS = SpecReader[DeletePrefix | DeleteRows](DeletePrefix, DeleteRows)


class LeftoversRemain(DataCentreError):
    """Some objects of a deleted dataset could not be removed; `retry` continues with them."""

    code = "LEFTOVERS"
    cure = "The message names one of them with the reason, `result.examples` some others. Repair the storage, then retry the job."


class DeleteDataset:
    """The dataset's record is removed before. All versions share their objects, so the newest manifest names them all."""

    kind: ClassVar[JobKind] = JobKind.DELETE

    def plan(self, job: JobContext) -> Plan:
        version = _newest_version(job)
        if version is None or KeptTable.of_payload(job.payload) is not None:
            # The manifest of a kept table names no objects: the finish drops the table.
            return Plan(shards=[], totals=Totals(files=0, size_bytes=0), phase="deleting")
        return Plan(
            shards=_shards(job, version),
            totals=Totals(files=version.files, size_bytes=version.size_bytes),
            phase="deleting",
        )

    def run_shard(self, job: JobContext, spec: dict[str, Any]) -> dict[str, Any]:
        failures = Failures()
        match SPECS.read(spec):
            case DeletePrefix() as whole:
                _delete_prefix(job, whole, failures)
            case DeleteRows() as rows:
                _delete_rows(job, rows, failures)
        return {"failed": failures.count}

    def finish(self, job: JobContext, results: Iterator[dict[str, Any]]) -> Ending:
        """Drop the table, and clear the prefix: manifests, staging, unfinished uploads, and all that the shards could
        not remove.

        Raises: LeftoversRemain, naming some of what is left; StorageError, the table could not be dropped.
        """
        for _ in results:
            job.check()
        storage, prefix = _storage(job), dataset_prefix(job.payload["dataset_id"])
        abort_uploads(storage, prefix)
        left = Failures()
        left.clear(job, storage, prefix)
        if left.count:
            first = left.examples[0]
            raise LeftoversRemain(
                f"{left.count} objects could not be removed from storage {shown_name(job.payload['storage'])}, "
                f"first {first['key']}: {first['message']}"
            )
        table = KeptTable.of_payload(job.payload)
        if table is not None:
            _drop(job, table)
        dataset_id = job.payload["dataset_id"]
        return Ending(
            result={"dataset": dataset_id, "leftovers": 0},
            publish=lambda session: purge(session, dataset_id),
        )

    def undo(self, job: JobContext) -> Ending:
        """A delete is not undone: what is left is counted, and `retry` removes it."""
        examples = _tables_left(job)
        left = len(examples)
        for info in _storage(job).list_objects(dataset_prefix(job.payload["dataset_id"])):
            job.check()
            left += 1
            if len(examples) < MAX_EXAMPLES:
                examples.append(info.key)
        return Ending(result={"dataset": job.payload["dataset_id"], "leftovers": left, "examples": examples})

    def interrupted(self, session: Session, payload: dict[str, Any]) -> None:
        """Nothing: the record is gone, and the ledger keeps what is still to be removed."""

    def given_up(self, session: Session, payload: dict[str, Any]) -> None:
        """Nothing: `retry` removes the rest."""


class Failures:
    """Counts the objects that could not be removed; a retryable error is raised, so that the shard is tried again."""

    def __init__(self) -> None:
        self.count = 0
        self.examples: list[dict[str, str]] = []

    def clear(self, job: JobContext, storage: Storage, prefix: str) -> None:
        """Remove everything under the prefix, and count the objects that could not be removed."""
        for failed in storage.delete_prefix(prefix):
            job.check()
            for outcome in failed:
                self.add(outcome)

    def add(self, outcome: DeleteOutcome) -> None:
        error = outcome.error
        if error is None:
            return
        if error.retryable:
            raise error
        self.count += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append({"key": outcome.key, "code": error.code, "message": error.detail})


def _delete_prefix(job: JobContext, spec: DeletePrefix, failures: Failures) -> None:
    failures.clear(job, _storage(job), spec.prefix)
    if not failures.count:
        job.report(files=spec.files, size_bytes=spec.size_bytes)


def _delete_rows(job: JobContext, spec: DeleteRows, failures: Failures) -> None:
    storage = _storage(job)
    with open_rows(storage, spec.manifest) as file:
        rows = file.read_row_group(spec.row_group, columns=["key", "length"])
    rows = rows.slice(spec.first, spec.last - spec.first)
    sizes = {row["key"]: row["length"] for row in rows.to_pylist()}
    for outcome in storage.delete(sizes):
        failures.add(outcome)
        job.report(files=1, size_bytes=sizes[outcome.key])


def _tables_left(job: JobContext) -> list[str]:
    """The table that holds the rows, unless it is known to be gone: a server that does not answer may still have it."""
    table = KeptTable.of_payload(job.payload)
    if table is None:
        return []
    try:
        job.open_tables(table.storage).describe(table.name)
    except TableMissing:
        return []
    except (StorageError, Invalid):
        pass
    return [str(table.name)]


def _shards(job: JobContext, version: DatasetVersion) -> Iterator[ShardPlan]:
    """One shard for everything if the storage removes a prefix in one call, else rows of the manifest by row group.

    In one call only if all objects are under the dataset's own prefix, as shown by the manifest's statistics.
    """
    storage, prefix = _storage(job), dataset_prefix(job.payload["dataset_id"])
    try:
        with open_rows(storage, version.manifest_key) as file:
            counts = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
            bounds = group_bounds(file, "key")
    except ObjectMissing:
        # An earlier finish removed the manifest and left some objects: the next finish removes them.
        return
    if storage.capabilities.recursive_delete and all(key.startswith(prefix) for key in chain(*bounds)):
        yield shard(DeletePrefix(prefix=prefix, files=version.files, size_bytes=version.size_bytes))
        return
    max_files = job.resources.settings.shards.files
    for group, rows in enumerate(counts):
        for first in range(0, rows, max_files):
            last = min(rows, first + max_files)
            yield shard(DeleteRows(manifest=version.manifest_key, row_group=group, first=first, last=last))


def _storage(job: JobContext) -> Storage:
    return job.resources.storages.open(job.payload["storage"])


def _newest_version(job: JobContext) -> DatasetVersion | None:
    with job.resources.database.reading() as session:
        return session.get(DatasetVersion, (job.payload["dataset_id"], job.payload["version"]))


def _drop(job: JobContext, table: KeptTable) -> None:
    """Drop the dataset's table; an error names it, because no record does any more."""
    try:
        drop_kept(job.open_tables(table.storage), table)
    except StorageError as error:
        error.detail = f"the table {table.name} is still there: {error.detail}"
        raise
