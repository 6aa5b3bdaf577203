"""From an exception to the job's error: one table."""

from dataclasses import dataclass

import structlog
from sqlalchemy.exc import SQLAlchemyError

from datacenter.archives.errors import ArchiveRejected
from datacenter.database.diagnosis import cause_of
from datacenter.errors import DataCentreError
from datacenter.formats.errors import ColumnNotWritable, LabelsInvalid
from storage_adapters.errors import StorageError

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why an attempt failed, in words and a stable code; `retryable` says whether another may succeed."""

    code: str
    message: str
    entry: str | None = None
    retryable: bool = False


def describe(error: BaseException) -> Failure:
    """The failure that an exception stands for; an unknown one is ours, and is tried again a bounded number of times."""
    match error:
        case ArchiveRejected() | LabelsInvalid() | ColumnNotWritable():
            return Failure(code=error.code, message=error.detail, entry=error.entry)
        case StorageError():
            message = f"storage {error.storage}: {error.detail}" if error.storage else error.detail
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
            message = f"unexpected {type(error).__name__} in the worker; its log has the details"
            return Failure(code="INTERNAL", message=message, retryable=True)
