"""What can go wrong at a storage, grouped by what the caller does next."""

from typing import ClassVar


class StorageError(Exception):
    """A storage could not do what was asked. `code` is stable, `retryable` says whether the same call may succeed later.

    `storage` is the name under which the caller opened the storage, if it has one.
    """

    code: ClassVar[str] = "STORAGE_ERROR"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, *, key: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.key = key
        self.storage: str | None = None


class ObjectMissing(StorageError):
    """There is no object under this key."""

    code = "OBJECT_MISSING"


class ObjectExists(StorageError):
    """Something exists under this key already, where only a new file may be made."""

    code = "OBJECT_EXISTS"


class ObjectChanged(StorageError):
    """The object's bytes are not those that were asked for: another size than recorded, or a range beyond its end."""

    code = "OBJECT_CHANGED"


class InvalidKey(StorageError):
    """The key is empty, too long for this storage, or would leave its root."""

    code = "INVALID_KEY"


class PermissionDenied(StorageError):
    """The storage knows the account and refuses the request."""

    code = "STORAGE_DENIED"


class NotSupported(StorageError):
    """This storage lacks the capability; an atomic promise is never emulated."""

    code = "NOT_SUPPORTED"


class UploadMissing(StorageError):
    """The multipart upload is unknown: completed, aborted or never begun."""

    code = "UPLOAD_MISSING"


class UploadInvalid(StorageError):
    """The parts do not make one object: a gap, an overlap, a part that was not written or is too small."""

    code = "UPLOAD_INVALID"


class StorageUnavailable(StorageError):
    """The storage did not answer, or cannot serve requests now."""

    code = "STORAGE_UNAVAILABLE"
    retryable = True


class StorageFull(StorageError):
    """No space or no quota is left. Retryable: an operator may make room."""

    code = "STORAGE_FULL"
    retryable = True


class AddressRefused(StorageError):
    """The storage leads to an address that is not allowed: a redirect to a server that is not named, or this machine."""

    code = "STORAGE_ADDRESS_REFUSED"


class ConfigurationInvalid(StorageError):
    """The storage's URL or options cannot work; the detail names the option and says how to correct it."""

    code = "STORAGE_MISCONFIGURED"


class TableMissing(StorageError):
    """There is no table, or no database, of this name."""

    code = "TABLE_MISSING"


class TableExists(StorageError):
    """A table of this name exists where a new one was to be written."""

    code = "TABLE_EXISTS"


class TableChanged(StorageError):
    """The table's columns are not those that were described before: read it again from the beginning."""

    code = "TABLE_CHANGED"


class NameInvalid(StorageError):
    """The server could not have a database, table or column of this name."""

    code = "TABLE_NAME_INVALID"


class ColumnUnsupported(StorageError):
    """A column's type cannot be represented in Arrow, or in the server; the detail names table, column and type."""

    code = "COLUMN_UNSUPPORTED"


class ValueUnsupported(StorageError):
    """A value of a supported column cannot be represented on the other side: a date of zeros, NaN, a number out of range."""

    code = "VALUE_UNSUPPORTED"


class QueryInvalid(StorageError):
    """The query is not exactly one SELECT, or the server does not understand it."""

    code = "QUERY_INVALID"


class QueryLimit(StorageError):
    """The query ran longer, or gave more rows, than this storage allows."""

    code = "QUERY_LIMIT"


class ServerUntrusted(StorageError):
    """The server broke its protocol: it asked for a file of this machine, or sent a broken row."""

    code = "SERVER_UNTRUSTED"
