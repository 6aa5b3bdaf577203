"""What HiveServer2, the network and TLS say becomes errors of ours, in words for people."""

import socket
import ssl

import pytest
from thrift.Thrift import TApplicationException
from thrift.transport.TTransport import TTransportException

from storage_adapters.errors import (
    ConfigurationInvalid,
    PermissionDenied,
    QueryInvalid,
    StorageError,
    StorageFull,
    StorageUnavailable,
    TableChanged,
    TableMissing,
    ValueUnsupported,
)
from storage_adapters.hive.faults import fault_of, reason_of, translate

SPARK = "org.apache.hive.service.cli.HiveSQLException: Error running query: "


@pytest.mark.parametrize(
    ("message", "state", "code", "kind"),
    [
        (f"{SPARK}[TABLE_OR_VIEW_NOT_FOUND] x.AnalysisException: there is none", "42P01", 0, TableMissing),
        (f"{SPARK}[SCHEMA_NOT_FOUND] x.AnalysisException: there is none", "42704", 0, TableMissing),
        ("Error while compiling statement: FAILED: Table not found 't'", "42S02", 10001, TableMissing),
        ("FAILED: Database does not exist: d", "42000", 10072, TableMissing),
        (
            f"{SPARK}[PARSE_SYNTAX_ERROR] x.ParseException: \n[PARSE_SYNTAX_ERROR] near 'x'",
            "42601",
            0,
            QueryInvalid,
        ),
        ("FAILED: ParseException line 1:7 cannot recognize input", "42000", 40000, QueryInvalid),
        ("FAILED: HiveAccessControlException Permission denied: user [u]", "42000", 40000, PermissionDenied),
        (
            f"{SPARK}[DIVIDE_BY_ZERO] x.SparkArithmeticException: Division by zero",
            "22012",
            0,
            ValueUnsupported,
        ),
        (
            "*x.SparkException:Job aborted: java.io.FileNotFoundException: File does not exist: /a",
            None,
            None,
            TableChanged,
        ),
        ("Invalid SessionHandle: SessionHandle [1]", None, 0, StorageUnavailable),
        ("java.lang.OutOfMemoryError: Java heap space", None, 0, StorageUnavailable),
        ("Job 1 cancelled", None, None, StorageUnavailable),
        ("DSQuotaExceededException: The DiskSpace QuotaExceeded", None, None, StorageFull),
        ("something else", None, None, StorageError),
        ("something else", "XX000", 0, StorageError),
    ],
)
def test_what_the_server_says_is_an_error_of_ours(
    message: str, state: str | None, code: int | None, kind: type[StorageError]
) -> None:
    fault = fault_of(message, state, code)
    assert type(fault) is kind
    assert fault.retryable is (kind in (StorageUnavailable, StorageFull))


def test_words_are_for_people() -> None:
    stack = f"{SPARK}[X_Y] org.apache.spark.sql.AnalysisException: [X_Y] It is wrong. \n\tat org.apache.Z(Z.scala:1)"
    assert reason_of(stack) == "[X_Y] It is wrong."
    assert reason_of(f"{SPARK}[P] a.b.ParseException: \n[P] Near 'x'.\n\n== SQL ==") == "[P] Near 'x'."
    assert reason_of("") == "The server gave no reason."
    assert len(reason_of("x" * 10_000)) == 500


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), StorageUnavailable, "cannot be resolved"),
        (ConnectionRefusedError(111, "Connection refused"), StorageUnavailable, "refuses"),
        (TimeoutError("timed out"), StorageUnavailable, "in time"),
        (ConnectionError("the server closed the connection"), StorageUnavailable, "closed"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), ConfigurationInvalid, "TLS"),
        (
            TTransportException(1, "Bad status: 3 (b'Error validating the login')"),
            PermissionDenied,
            "validating",
        ),
        (TTransportException(1, "Bad SASL result: x"), ConfigurationInvalid, "'login'"),
        (TApplicationException(1, "Invalid method name"), ConfigurationInvalid, "port"),
    ],
)
def test_what_the_network_says_is_an_error_of_ours(
    error: Exception, kind: type[StorageError], words: str
) -> None:
    translated = translate(error)
    assert type(translated) is kind
    assert words in translated.detail
