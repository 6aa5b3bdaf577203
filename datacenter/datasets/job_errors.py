"""The error of a job as clients see it, and whether a retry can succeed."""

from typing import Any, get_args

from datacenter.archives.errors import ArchiveCode
from datacenter.errors import NothingToImport
from datacenter.formats.errors import LabelsCode
from datacenter.ledger.models import Job
from datacenter.ledger.states import JobKind
from storage_adapters.errors import (
    ColumnUnsupported,
    InvalidKey,
    NameInvalid,
    ObjectMissing,
    PlaceRefused,
    QueryInvalid,
    TableMissing,
    ValueUnsupported,
)

FOR_GOOD = frozenset(
    (
        *get_args(ArchiveCode),
        *get_args(LabelsCode),
        ColumnUnsupported.code,
        InvalidKey.code,
        NameInvalid.code,
        NothingToImport.code,
        PlaceRefused.code,
        QueryInvalid.code,
        TableMissing.code,
        ValueUnsupported.code,
    )
)
"""Codes of faults in the source or the request: the job fails in the same way each time."""
FOR_GOOD_IN_AN_IMPORT = FOR_GOOD | {ObjectMissing.code}
"""In an import the missing object belongs to the source. Elsewhere it belongs to a dataset, and can be put back."""


def is_retryable(kind: JobKind, code: str) -> bool:
    """Whether a retry of the same job can succeed, maybe only after an operator has repaired a storage.

    Not the same as `retryable` of an exception, which says whether the worker retries automatically: a storage that
    denies access is not retried, but once it allows access, a retry of the job succeeds.
    """
    return code not in (FOR_GOOD_IN_AN_IMPORT if kind == JobKind.IMPORT else FOR_GOOD)


def error_of(job: Job) -> dict[str, Any] | None:
    """The error for REST and webhooks. `retryable` is derived from the code, so rows of older releases have it, too."""
    if job.error is None:
        return None
    code = job.error.get("code", "ERROR")
    return {
        "code": code,
        "message": job.error.get("message", ""),
        "entry": job.error.get("entry"),
        "retryable": is_retryable(job.kind, code),
    }
