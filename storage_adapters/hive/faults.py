"""Faults: HiveServer2's states, codes and messages, and network errors, become the storage's errors."""

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from thrift.Thrift import TException
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

PHRASES: Mapping[str, type[StorageError]] = {
    "AccessControlException": PermissionDenied,
    "Permission denied": PermissionDenied,
    "FileNotFoundException": TableChanged,
    "FILE_NOT_EXIST": TableChanged,
    "File does not exist": TableChanged,
    "Invalid SessionHandle": StorageUnavailable,
    "Invalid OperationHandle": StorageUnavailable,
    "OutOfMemoryError": StorageUnavailable,
    "cancelled": StorageUnavailable,
    "was shut down": StorageUnavailable,
    "QuotaExceeded": StorageFull,
    "No space left on device": StorageFull,
}
"""Phrases of the server's message; they say more than its state, which is often missing."""

CODES: Mapping[int, type[StorageError]] = {10001: TableMissing, 10072: TableMissing}
"""Hive's error codes: no such table, no such database."""

STATES: Mapping[str, type[StorageError]] = {
    "42P01": TableMissing,  # Spark: no such table or view
    "42S02": TableMissing,  # Hive: the same
    "42704": TableMissing,  # Spark: no such database
    "42501": PermissionDenied,
    "08": StorageUnavailable,
    "0A": QueryInvalid,
    "21": QueryInvalid,
    "22": ValueUnsupported,
    "28": PermissionDenied,
    "42": QueryInvalid,
    "53": StorageUnavailable,
    "54": QueryInvalid,
    "57": StorageUnavailable,
    "P0": QueryInvalid,
}
"""SQLSTATE, or the two characters of its class.

Everything else is a plain `StorageError`: another try would fail in the same way."""

_CLASS_NAMES = re.compile(
    r"^(?:\*|\[[A-Z_.]+\] (?=[\w.$]+Exception)|[\w.$]+(?:Exception|Error): ?|Error running query: )+"
)
_MAX_CHARACTERS = 500
_SASL_REFUSAL = re.compile(r"Bad status: [34] \((?:b?['\"])?(.*?)['\"]?\)$")
"""thrift_sasl's message when the server rejects a login; status 3 is bad credentials, 4 an error."""


def fault_of(message: str, state: str | None = None, code: int | None = None) -> StorageError:
    """The storage error for the server's message, without its stack trace."""
    sentence = _sentence(message)
    kind = next((kind for part, kind in PHRASES.items() if part in sentence), None)
    kind = kind or CODES.get(code or 0) or STATES.get(state or "") or STATES.get((state or "")[:2])
    return (kind or StorageError)(reason_of(message))


def reason_of(message: str) -> str:
    """The first line of the server's message with content, without names of classes before it."""
    return _CLASS_NAMES.sub("", _sentence(message))[:_MAX_CHARACTERS] or "The server gave no reason."


def _sentence(message: str) -> str:
    """The first line with more than the name of a class."""
    lines = (line.strip() for line in message.splitlines() if not line.startswith("\tat "))
    return next((line for line in lines if _CLASS_NAMES.sub("", line)), "")


def translate(error: Exception) -> StorageError:
    """The storage error for an error of the network, TLS or Thrift."""
    match error:
        case ssl.SSLError():
            return ConfigurationInvalid(
                f"TLS with the server failed: {getattr(error, 'reason', None) or error}. Correct the options that begin with 'tls'."
            )
        case socket.gaierror():
            return StorageUnavailable("The host name cannot be resolved: correct it.")
        case ConnectionRefusedError():
            return StorageUnavailable(
                "The server refuses connections: check that it is running, and the port."
            )
        case TimeoutError():
            return StorageUnavailable(
                "The server did not answer in time: check that it is running, and the option 'login'."
            )
        case OSError():
            return StorageUnavailable(f"The connection broke: {error.strerror or error}. Try again.")
        case TTransportException():
            refusal = _SASL_REFUSAL.search(str(error.message))
            if refusal:
                return PermissionDenied(
                    f"The server rejected the login: {refusal[1] or 'it gave no reason'}. Correct user and password."
                )
    return ConfigurationInvalid(
        f"The server does not answer like HiveServer2: check the port and the option 'login'. ({error})"
    )


def may_be_wrong_protocol(error: StorageError) -> bool:
    """Whether a server is there that did not answer in HiveServer2's protocol; a rejected login is an answer."""
    cause = error.__cause__
    if isinstance(error, PermissionDenied) or isinstance(
        cause, (ssl.SSLError, socket.gaierror, ConnectionRefusedError)
    ):
        return False
    return isinstance(cause, (OSError, TTransportException))


@contextmanager
def translated() -> Iterator[None]:
    """Raise storage errors instead of the network's and Thrift's."""
    try:
        yield
    except (OSError, TException) as error:
        raise translate(error) from error
