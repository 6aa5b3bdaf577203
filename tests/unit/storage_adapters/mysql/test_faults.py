"""What the server and PyMySQL report becomes one of the storage's errors."""

import ssl

import pymysql
import pytest

from storage_adapters.errors import (
    ConfigurationInvalid,
    PermissionDenied,
    QueryInvalid,
    QueryLimit,
    ServerUntrusted,
    StorageError,
    StorageFull,
    StorageUnavailable,
    TableExists,
    TableMissing,
)
from storage_adapters.mysql.faults import translate, translated


@pytest.mark.parametrize(
    ("number", "kind", "retryable"),
    [
        (1045, PermissionDenied, False),
        (1049, TableMissing, False),
        (1050, TableExists, False),
        (1064, QueryInvalid, False),
        (1146, TableMissing, False),
        (1792, PermissionDenied, False),
        (1969, QueryLimit, False),
        (3024, QueryLimit, False),
        (1021, StorageFull, True),
        (1040, StorageUnavailable, True),
        (1205, StorageUnavailable, True),
        (1213, StorageUnavailable, True),
        (2003, StorageUnavailable, True),
        (2013, StorageUnavailable, True),
        (2026, ConfigurationInvalid, False),
        (4242, StorageError, False),
    ],
)
def test_a_number_has_its_error(number: int, kind: type[StorageError], retryable: bool) -> None:
    error = translate(pymysql.OperationalError(number, "the server's words"))
    assert type(error) is kind
    assert error.retryable is retryable
    assert error.detail.startswith(f"the server's words ({number})")


def test_a_certificate_that_is_not_trusted_is_a_matter_of_configuration() -> None:
    error = pymysql.OperationalError(2003, "Can't connect")
    error.original_exception = ssl.SSLCertVerificationError("self-signed")  # type: ignore[attr-defined]  # PyMySQL sets it so
    assert isinstance(translate(error), ConfigurationInvalid)


def test_a_broken_connection_can_be_tried_again() -> None:
    with pytest.raises(StorageUnavailable), translated():
        raise TimeoutError


def test_a_server_that_asks_for_a_file_is_not_trusted() -> None:
    with pytest.raises(ServerUntrusted), translated():
        raise RuntimeError("**WARN**: Received LOAD_LOCAL packet but local_infile option is false.")


def test_an_error_of_our_own_is_left_alone() -> None:
    with pytest.raises(RuntimeError, match="ours"), translated():
        raise RuntimeError("ours")
