"""The job's error for each exception, in one table."""

from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from datacenter.archives.errors import ArchiveRejected
from datacenter.database.diagnosis import cause_of
from datacenter.errors import CodeMeaning, DataCentreError
from datacenter.formats.errors import ColumnNotWritable, LabelsInvalid
from datacenter.storages.owners import shown_name
from storage_adapters.errors import StorageError

JOB_CODES: Mapping[str, CodeMeaning] = {
    "DATABASE_UNAVAILABLE": CodeMeaning(
        meaning="The database did not answer the worker.",
        cure="Wait: the job is retried automatically. The worker's log has the details.",
        retryable=True,
    ),
    "DEPENDENCY_FAILED": CodeMeaning(
        meaning="A job that this one waited for (`after`) did not end in SUCCESS.",
        cure="Retry that job first, then this one.",
    ),
    "INTERNAL": CodeMeaning(
        meaning="An unexpected error in the worker.",
        cure="Retry the job once; if it fails again, report it with the worker's log.",
        retryable=True,
    ),
    "OUT_OF_MEMORY": CodeMeaning(
        meaning="The worker ran out of memory.",
        cure="Give the workers more memory or fewer processes, then retry the job.",
        retryable=True,
    ),
    "WORKER_LOST": CodeMeaning(
        meaning="The worker was lost in every attempt: killed, out of memory, or blocked by a storage.",
        cure="Check the workers' logs and memory, then retry the job: it continues from its checkpoint.",
        retryable=True,
    ),
}
"""Job error codes without an error class, for the page of errors."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why an attempt failed, as a message and a stable code; `retryable` says whether another attempt may succeed."""

    code: str
    message: str
    entry: str | None = None
    retryable: bool = False


def describe(error: BaseException) -> Failure:
    """The failure for an exception; an unknown exception counts as a bug here, and is retried a limited number of times."""
    match error:
        case ArchiveRejected() | LabelsInvalid() | ColumnNotWritable():
            return Failure(code=error.code, message=error.detail, entry=error.entry)
        case StorageError():
            message = (
                f"storage {shown_name(error.storage)}: {error.detail}" if error.storage else error.detail
            )
            return Failure(code=error.code, message=message, entry=error.key, retryable=error.retryable)
        case DataCentreError():
            return Failure(code=error.code, message=error.detail, retryable=error.retryable)
        case SQLAlchemyError() if (cause := cause_of(error)) is not None:
            log.error("the database failed", exc_info=error)
            return Failure(code="DATABASE_UNAVAILABLE", message=cause.answer, retryable=True)
        case MemoryError():
            return Failure(code="OUT_OF_MEMORY", message="the worker ran out of memory", retryable=True)
        case _:
            log.error("unexpected error in a shard", exc_info=error)
            message = f"unexpected {type(error).__name__} in the worker; see the worker's log"
            return Failure(code="INTERNAL", message=message, retryable=True)
