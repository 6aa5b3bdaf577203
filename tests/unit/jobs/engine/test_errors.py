"""The job's error for each exception: stable codes, no internals for clients, and whether a retry may help."""

import pytest
from sqlalchemy.exc import OperationalError
from support.servers.mysql_errors import mysql_error

from datacenter.archives.errors import ArchiveRejected
from datacenter.errors import Conflict, VersionConflict
from datacenter.formats.errors import LabelsInvalid
from datacenter.ledger.doorbell import BrokerUnavailable
from jobs.engine.errors import describe
from storage_adapters.errors import ObjectChanged, PermissionDenied, StorageFull, StorageUnavailable

SECRET = "canary-7f3a"


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        (StorageUnavailable("no answer"), "STORAGE_UNAVAILABLE", True),
        (StorageFull("no space"), "STORAGE_FULL", True),
        (PermissionDenied("refused", key="a/b"), "STORAGE_DENIED", False),
        (ObjectChanged("other bytes", key="a/b"), "OBJECT_CHANGED", False),
        (ArchiveRejected("UNSAFE_PATH", "leaves the archive", entry="../x"), "UNSAFE_PATH", False),
        (LabelsInvalid("UNSAFE_REFERENCE", "line 2", "../x"), "UNSAFE_REFERENCE", False),
        (Conflict("no"), "CONFLICT", False),
        (VersionConflict("no"), "VERSION_CONFLICT", True),
        (BrokerUnavailable("down"), "BROKER_UNAVAILABLE", True),
        (OperationalError("SELECT", {}, ConnectionError(SECRET)), "DATABASE_UNAVAILABLE", True),
        (mysql_error(1146, SECRET), "DATABASE_UNAVAILABLE", True),
        (mysql_error(1114, SECRET), "DATABASE_UNAVAILABLE", True),
        (mysql_error(1064, SECRET), "INTERNAL", True),
        (MemoryError(SECRET), "OUT_OF_MEMORY", True),
        (ZeroDivisionError(SECRET), "INTERNAL", True),
        (RuntimeError(SECRET), "INTERNAL", True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_every_error_has_a_code_and_says_whether_another_try_may_help(
    error: Exception, code: str, retryable: bool
) -> None:
    failure = describe(error)

    assert (failure.code, failure.retryable) == (code, retryable)
    assert failure.message
    assert SECRET not in failure.message


def test_the_offending_entry_is_named() -> None:
    assert describe(ArchiveRejected("UNSAFE_PATH", "leaves the archive", entry="../x")).entry == "../x"
    assert describe(PermissionDenied("refused", key="a/b")).entry == "a/b"
