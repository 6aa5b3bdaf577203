"""Faults: from HiveServer2's states, codes and words, and from the network's errors, to the storage's errors."""

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

WORDS: Mapping[str, type[StorageError]] = {
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
"""In the sentence that the server says; they tell more than its state, which is often none."""

CODES: Mapping[int, type[StorageError]] = {10001: TableMissing, 10072: TableMissing}
"""Hive's own numbers: no such table, no such database."""

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
"""SQLSTATE, or the two characters of its class. Everything else is a plain `StorageError`: trying again gives the same."""

_CLASS_NAMES = re.compile(
    r"^(?:\*|\[[A-Z_.]+\] (?=[\w.$]+Exception)|[\w.$]+(?:Exception|Error): ?|Error running query: )+"
)
_LONGEST_WORDS = 500
_SASL_REFUSAL = re.compile(r"Bad status: [34] \((?:b?['\"])?(.*?)['\"]?\)$")
"""What thrift_sasl says when the server refuses a login: 3 is a bad one, 4 a failure."""


def fault_of(message: str, state: str | None = None, code: int | None = None) -> StorageError:
    """The storage error for what the server said, in its words without the stack."""
    sentence = _sentence(message)
    kind = next((kind for part, kind in WORDS.items() if part in sentence), None)
    kind = kind or CODES.get(code or 0) or STATES.get(state or "") or STATES.get((state or "")[:2])
    return (kind or StorageError)(words_of(message))


def words_of(message: str) -> str:
    """The first sentence of the server's message that is for people, without names of classes before it."""
    return _CLASS_NAMES.sub("", _sentence(message))[:_LONGEST_WORDS] or "The server gave no reason."


def _sentence(message: str) -> str:
    """The first line that says more than the name of a class."""
    lines = (line.strip() for line in message.splitlines() if not line.startswith("\tat "))
    return next((line for line in lines if _CLASS_NAMES.sub("", line)), "")


def translate(error: Exception) -> StorageError:
    """The storage error for what the network, TLS or Thrift raised."""
    match error:
        case ssl.SSLError():
            return ConfigurationInvalid(
                f"TLS with the server failed: {getattr(error, 'reason', None) or error}. Correct the options that begin with 'tls'."
            )
        case socket.gaierror():
            return StorageUnavailable("The server's name is not found: correct the host.")
        case ConnectionRefusedError():
            return StorageUnavailable("It refuses connections: is the server up, and the port right?")
        case TimeoutError():
            return StorageUnavailable(
                "The server did not answer in time: is it up, and is 'login' what it wants?"
            )
        case OSError():
            return StorageUnavailable(f"The connection broke: {error.strerror or error}")
        case TTransportException():
            refusal = _SASL_REFUSAL.search(str(error.message))
            if refusal:
                return PermissionDenied(
                    f"The server refused the login: {refusal[1] or 'it gave no reason'}. Correct user and password."
                )
    return ConfigurationInvalid(
        f"The server answers otherwise than HiveServer2; are the port and 'login' right? ({error})"
    )


def may_be_a_stranger(error: StorageError) -> bool:
    """Whether something is there that gave no answer of HiveServer2's; a refused login is one."""
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
