"""Faults: error numbers of the server and of PyMySQL become the storage's errors."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pymysql
from pymysql.constants import CR, ER

from storage_adapters.errors import (
    ConfigurationInvalid,
    NameInvalid,
    PermissionDenied,
    QueryInvalid,
    QueryLimit,
    ServerUntrusted,
    StorageError,
    StorageFull,
    StorageUnavailable,
    TableChanged,
    TableExists,
    TableMissing,
    ValueUnsupported,
)

ERRORS: Mapping[int, type[StorageError]] = {
    ER.DBACCESS_DENIED_ERROR: PermissionDenied,
    ER.ACCESS_DENIED_ERROR: PermissionDenied,
    ER.TABLEACCESS_DENIED_ERROR: PermissionDenied,
    ER.COLUMNACCESS_DENIED_ERROR: PermissionDenied,
    ER.SPECIFIC_ACCESS_DENIED_ERROR: PermissionDenied,
    ER.PROCACCESS_DENIED_ERROR: PermissionDenied,
    ER.OPTION_PREVENTS_STATEMENT: PermissionDenied,  # the server is read-only
    ER.HOST_NOT_PRIVILEGED: PermissionDenied,
    1698: PermissionDenied,  # access denied, of another authentication plugin
    1792: PermissionDenied,  # a write in a read-only transaction
    ER.BAD_DB_ERROR: TableMissing,
    ER.NO_SUCH_TABLE: TableMissing,
    ER.BAD_TABLE_ERROR: TableMissing,
    ER.TABLE_EXISTS_ERROR: TableExists,
    ER.TABLE_DEF_CHANGED: TableChanged,
    ER.PARSE_ERROR: QueryInvalid,
    ER.EMPTY_QUERY: QueryInvalid,
    ER.BAD_FIELD_ERROR: QueryInvalid,
    ER.NON_UNIQ_ERROR: QueryInvalid,
    ER.DUP_FIELDNAME: QueryInvalid,
    ER.WRONG_FIELD_WITH_GROUP: QueryInvalid,
    ER.MIX_OF_GROUP_FUNC_AND_FIELDS: QueryInvalid,
    ER.INVALID_GROUP_FUNC_USE: QueryInvalid,
    ER.NO_DB_ERROR: QueryInvalid,
    ER.NONUNIQ_TABLE: QueryInvalid,
    ER.SP_DOES_NOT_EXIST: QueryInvalid,
    1582: QueryInvalid,  # wrong number of arguments of a function
    ER.OPERAND_COLUMNS: QueryInvalid,
    ER.SUBQUERY_NO_1_ROW: QueryInvalid,
    1969: QueryLimit,  # MariaDB: max_statement_time
    3024: QueryLimit,  # MySQL: max_execution_time
    ER.TOO_LONG_IDENT: NameInvalid,
    ER.WRONG_DB_NAME: NameInvalid,
    ER.WRONG_TABLE_NAME: NameInvalid,
    ER.WRONG_COLUMN_NAME: NameInvalid,
    ER.NET_PACKET_TOO_LARGE: ValueUnsupported,
    ER.DATA_TOO_LONG: ValueUnsupported,
    ER.WARN_DATA_OUT_OF_RANGE: ValueUnsupported,
    ER.TRUNCATED_WRONG_VALUE: ValueUnsupported,
    ER.TRUNCATED_WRONG_VALUE_FOR_FIELD: ValueUnsupported,
    ER.BAD_NULL_ERROR: ValueUnsupported,
    ER.NO_DEFAULT_FOR_FIELD: ValueUnsupported,
    ER.ILLEGAL_VALUE_FOR_TYPE: ValueUnsupported,
    ER.TOO_BIG_ROWSIZE: ValueUnsupported,
    ER.DISK_FULL: StorageFull,
    ER.RECORD_FILE_FULL: StorageFull,
    ER.NOT_SUPPORTED_AUTH_MODE: ConfigurationInvalid,
    CR.CR_SSL_CONNECTION_ERROR: ConfigurationInvalid,
    CR.CR_AUTH_PLUGIN_CANNOT_LOAD: ConfigurationInvalid,
    CR.CR_UNKNOWN_HOST: StorageUnavailable,
    CR.CR_CONN_HOST_ERROR: StorageUnavailable,
    CR.CR_CONNECTION_ERROR: StorageUnavailable,
    CR.CR_SERVER_GONE_ERROR: StorageUnavailable,
    CR.CR_SERVER_LOST: StorageUnavailable,
    ER.CON_COUNT_ERROR: StorageUnavailable,
    ER.TOO_MANY_USER_CONNECTIONS: StorageUnavailable,
    ER.HOST_IS_BLOCKED: StorageUnavailable,
    ER.OUT_OF_RESOURCES: StorageUnavailable,
    ER.SERVER_SHUTDOWN: StorageUnavailable,
    ER.QUERY_INTERRUPTED: StorageUnavailable,
    ER.LOCK_WAIT_TIMEOUT: StorageUnavailable,
    ER.LOCK_DEADLOCK: StorageUnavailable,
    4031: StorageUnavailable,  # MySQL: the session was idle for wait_timeout
    ER.DUP_ENTRY: StorageUnavailable,  # another one writes the same piece; nothing else of ours is unique
    1927: StorageUnavailable,  # MariaDB: the connection was killed
}
"""Everything else is a plain `StorageError`: another try would fail in the same way."""

HINTS: Mapping[int, str] = {
    ER.ACCESS_DENIED_ERROR: "Correct user and password, or allow the account to connect from this host.",
    1698: "Correct user and password, or allow the account to connect from this host.",
    ER.DBACCESS_DENIED_ERROR: "Grant the account the right to it.",
    ER.TABLEACCESS_DENIED_ERROR: "Grant the account the right to it.",
    ER.HOST_NOT_PRIVILEGED: "Allow the account to connect from this host.",
    CR.CR_CONN_HOST_ERROR: "Check that the server is running, and the URL's host and port.",
    CR.CR_SERVER_LOST: "Check that the server is running, and that it is MySQL or MariaDB.",
    CR.CR_SSL_CONNECTION_ERROR: "Switch TLS on at the server, or correct the options that begin with 'tls'.",
    ER.CON_COUNT_ERROR: "Raise the server's max_connections, or run fewer workers.",
}
"""What to do, added to the server's own text."""

SILENT_NUMBERS = (0, CR.CR_CONN_HOST_ERROR, CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST)
"""PyMySQL's numbers, or 0, for a server that sent nothing in MySQL's protocol."""
FILE_REFUSED = (
    "The server asked for a file of this machine (LOCAL INFILE); the request was rejected. "
    "Do not trust this server."
)
_LOCAL_FILE = "LOAD_LOCAL"
"""In the text of a RuntimeError: PyMySQL has no error class for a server that asks for a file."""


def translate(error: Exception) -> StorageError:
    """The storage error for an error of PyMySQL; its text is the server's, which never contains the password."""
    if _LOCAL_FILE in str(error):
        return ServerUntrusted(FILE_REFUSED)
    if isinstance(error, OSError):
        return StorageUnavailable(f"The connection broke: {error.strerror or error}. Try again.")
    number, words = _number_and_words(error)
    reason = getattr(error, "original_exception", None)
    if isinstance(reason, ssl.SSLError):
        return ConfigurationInvalid(
            f"TLS with the server failed: {getattr(reason, 'reason', None) or reason}"
        )
    reason = f"{words} ({number})" if number else words
    return ERRORS.get(number, StorageError)(f"{reason}. {HINTS[number]}" if number in HINTS else reason)


def may_be_wrong_protocol(error: StorageError) -> bool:
    """Whether the server sent nothing in MySQL's protocol. Other servers are not probed: they count invalid clients, and
    block a host after too many."""
    cause = error.__cause__
    if isinstance(error, ConfigurationInvalid) or not isinstance(cause, (pymysql.Error, OSError)):
        return False
    return isinstance(cause, OSError) or _number_and_words(cause)[0] in SILENT_NUMBERS


@contextmanager
def translated() -> Iterator[None]:
    """Raise storage errors instead of PyMySQL's."""
    try:
        yield
    except (pymysql.Error, OSError) as error:
        raise translate(error) from error
    except RuntimeError as error:
        if _LOCAL_FILE not in str(error):
            raise
        raise translate(error) from error


def _number_and_words(error: Exception) -> tuple[int, str]:
    match error.args:
        case (int(number), str(words), *_) if words:
            return number, words
        case (int(number), *_):
            return number, "The server gave no reason"
        case _:
            return 0, str(error) or type(error).__name__
