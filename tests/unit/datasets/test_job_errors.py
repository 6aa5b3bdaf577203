"""Whether a retry can succeed after a job's error: decided for every code."""

import importlib
import pkgutil
from typing import TypeVar, get_args

import pytest

import datacenter.datasets
import jobs
import storage_adapters
from datacenter.archives.errors import ArchiveCode
from datacenter.datasets.job_errors import error_of, is_retryable
from datacenter.errors import DataCentreError
from datacenter.formats.errors import LabelsCode
from datacenter.ledger.models import Job
from datacenter.ledger.states import JobKind, JobState
from storage_adapters.errors import StorageError

Error = TypeVar("Error", bound=Exception)
FOR_GOOD = {
    *get_args(ArchiveCode),
    *get_args(LabelsCode),
    "COLUMN_UNSUPPORTED",
    "INVALID_KEY",
    "NOTHING_TO_IMPORT",
    "QUERY_INVALID",
    "STORAGE_PLACE_REFUSED",
    "TABLE_MISSING",
    "TABLE_NAME_INVALID",
    "VALUE_UNSUPPORTED",
}
MENDED_ELSEWHERE = {
    # A person mends the storage, makes room or a longer limit, or puts back what is missing; then a retry succeeds.
    "NOT_SUPPORTED",
    "QUERY_LIMIT",
    "SERVER_UNTRUSTED",
    "STORAGE_ADDRESS_REFUSED",
    "STORAGE_DENIED",
    "STORAGE_ERROR",
    "STORAGE_FULL",
    "STORAGE_MISCONFIGURED",
    "STORAGE_UNAVAILABLE",
    # The source changed, or another process was at work: a retry reads and writes again.
    "OBJECT_CHANGED",
    "OBJECT_EXISTS",
    "TABLE_CHANGED",
    "TABLE_EXISTS",
    "UPLOAD_INVALID",
    "UPLOAD_MISSING",
    # These come from the worker and its surroundings.
    "BROKER_UNAVAILABLE",
    "DATABASE_UNAVAILABLE",
    "DEPENDENCY_FAILED",
    "GONE",
    "INTERNAL",
    "LEFTOVERS",
    "OUT_OF_MEMORY",
    "WORKER_LOST",
}


@pytest.mark.parametrize("kind", list(JobKind))
def test_a_fault_of_the_source_or_the_request_is_not_mended_by_a_retry(kind: JobKind) -> None:
    assert not any(is_retryable(kind, code) for code in FOR_GOOD)
    assert all(is_retryable(kind, code) for code in MENDED_ELSEWHERE)


def test_a_missing_object_is_for_good_in_an_import_only() -> None:
    assert {kind for kind in JobKind if not is_retryable(kind, "OBJECT_MISSING")} == {JobKind.IMPORT}


def test_every_code_of_a_storage_is_decided() -> None:
    for package in (storage_adapters, jobs, datacenter.datasets):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)

    codes = {error.code for error in _with_subclasses(StorageError) if _is_of_the_product(error)}

    assert codes - FOR_GOOD - MENDED_ELSEWHERE == {"OBJECT_MISSING"}


def test_every_error_that_jobs_define_is_decided() -> None:
    importlib.import_module("jobs.registry")
    codes = {
        error.code for error in _with_subclasses(DataCentreError) if error.__module__.startswith("jobs.")
    }

    assert codes <= FOR_GOOD | MENDED_ELSEWHERE
    assert "LEFTOVERS" in codes


def test_the_error_of_an_older_row_says_it_too() -> None:
    error = {"code": "CORRUPT", "message": "a checksum differs", "entry": "a.png"}
    job = Job(kind=JobKind.IMPORT, state=JobState.FAILURE, error=error)

    assert error_of(job) == {**error, "retryable": False}


def test_an_error_without_a_code_may_be_retried() -> None:
    shown = error_of(Job(kind=JobKind.EXPORT, state=JobState.FAILURE, error={"message": "?"}))

    assert shown == {"code": "ERROR", "message": "?", "entry": None, "retryable": True}


def test_a_job_that_did_not_fail_has_no_error() -> None:
    assert error_of(Job(kind=JobKind.EXPORT, state=JobState.SUCCESS)) is None


def _with_subclasses(root: type[Error]) -> set[type[Error]]:
    return {root}.union(*(_with_subclasses(child) for child in root.__subclasses__()))


def _is_of_the_product(error: type) -> bool:
    return error.__module__.split(".", 1)[0] in ("datacenter", "jobs", "storage_adapters")
