"""What can go wrong at a storage, grouped by what the caller does next."""

from typing import ClassVar


class StorageError(Exception):
    """A storage could not do what was asked. `code` is stable, `retryable` says whether the same call may succeed later.

    `storage` is the name under which the caller opened the storage, if it has one. A class with a code of its own says by
    its docstring what the code means, and by `cure` what to do.
    """

    code: ClassVar[str] = "STORAGE_ERROR"
    cure: ClassVar[str] = "Run `datacenter storages check`; the log of the web layer or the worker says more."
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, *, key: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.key = key
        self.storage: str | None = None


class ObjectMissing(StorageError):
    """There is no object under this key."""

    code = "OBJECT_MISSING"
    cure = (
        "Check the key. In a job on a dataset: an object was removed from the storage by another program; "
        "restore it."
    )


class ObjectExists(StorageError):
    """Something exists under this key already, where only a new file may be made."""

    code = "OBJECT_EXISTS"
    cure = "Choose another key, or remove the object."


class ObjectChanged(StorageError):
    """The object's bytes are not those that were asked for: another size than recorded, or a range beyond its end."""

    code = "OBJECT_CHANGED"
    cure = "Import again once nothing writes to the source any more."


class InvalidKey(StorageError):
    """The key is empty, too long for this storage, or would leave its root."""

    code = "INVALID_KEY"
    cure = "Change the key or the prefix as `detail` says."


class PermissionDenied(StorageError):
    """The storage refuses these credentials, or they lack the right."""

    code = "STORAGE_DENIED"
    cure = (
        "Check the credentials and rights of the storage with `datacenter storages check`, then retry the "
        "job."
    )


class NotSupported(StorageError):
    """This storage lacks the capability; an atomic promise is never emulated."""

    code = "NOT_SUPPORTED"
    cure = "Take another way or another storage; `docs/storages.md` says what each can do."


class UploadMissing(StorageError):
    """The multipart upload is unknown: completed, aborted or never begun."""

    code = "UPLOAD_MISSING"
    cure = "Begin the upload anew."


class UploadInvalid(StorageError):
    """The parts do not make one object: a gap, an overlap, a part that was not written or is too small."""

    code = "UPLOAD_INVALID"
    cure = "List the parts that have arrived, send the missing ones, complete again."


class StorageUnavailable(StorageError):
    """The storage did not answer, or cannot serve requests now."""

    code = "STORAGE_UNAVAILABLE"
    cure = "Wait: jobs try again by themselves. `datacenter storages check` says what is wrong."
    retryable = True


class StorageFull(StorageError):
    """No space, or no quota, is left on the storage."""

    code = "STORAGE_FULL"
    cure = "Make room or raise the quota; jobs try again by themselves, and later by a retry."
    retryable = True


class AddressRefused(StorageError):
    """The storage leads to an address that is not allowed: a redirect to a server that is not named, or this machine."""

    code = "STORAGE_ADDRESS_REFUSED"
    cure = "Correct the storage's URL, or let the operator name the server where the settings allow it."


class PlaceRefused(StorageError):
    """A source leads to a place in which datasets, uploads or archives of a platform are, or were, kept."""

    code = "STORAGE_PLACE_REFUSED"
    cure = "Name another key or prefix, or register the source at another place."


class ConfigurationInvalid(StorageError):
    """The storage's URL or options cannot work; the detail names the option and says how to correct it."""

    code = "STORAGE_MISCONFIGURED"
    cure = "Correct the option with `datacenter storages update`, then run `datacenter storages check`."


class TableMissing(StorageError):
    """There is no table, or no database, of this name."""

    code = "TABLE_MISSING"
    cure = "Check the names of database and table; `datacenter storages browse` lists them."


class TableExists(StorageError):
    """A table of this name exists where a new one was to be written."""

    code = "TABLE_EXISTS"
    cure = "Choose another name, or remove the table."


class TableChanged(StorageError):
    """The table's columns are not those that were described before: read it again from the beginning."""

    code = "TABLE_CHANGED"
    cure = "Import again once nothing changes the table's columns any more."


class NameInvalid(StorageError):
    """The server could not have a database, table or column of this name."""

    code = "TABLE_NAME_INVALID"
    cure = "Correct the name; a table is `database.table`."


class ColumnUnsupported(StorageError):
    """A column's type cannot be represented in Arrow, or in the server; the detail names table, column and type."""

    code = "COLUMN_UNSUPPORTED"
    cure = "Leave the column out, or cast it to a supported type, with a query."


class ValueUnsupported(StorageError):
    """A value of a supported column cannot be represented on the other side: a date of zeros, NaN, a number out of range."""

    code = "VALUE_UNSUPPORTED"
    cure = "Correct the value, or cast or leave out the column with a query."


class QueryInvalid(StorageError):
    """The query is not exactly one SELECT that only reads, or the server does not understand it."""

    code = "QUERY_INVALID"
    cure = "Send exactly one SELECT, with functions that only compute; `detail` says what was rejected, and where."


class QueryLimit(StorageError):
    """The query ran longer, or gave more rows, than this storage allows."""

    code = "QUERY_LIMIT"
    cure = "Narrow the query, or raise the limits in the storage's options."


class ServerUntrusted(StorageError):
    """The server broke its protocol: it asked for a file of this machine, or sent a broken row."""

    code = "SERVER_UNTRUSTED"
    cure = "Check with the operator that the storage's URL leads to the right server, over TLS."
