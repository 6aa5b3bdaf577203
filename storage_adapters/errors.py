"""What can go wrong at a storage, grouped by what the caller does next."""

from typing import ClassVar


class StorageError(Exception):
    """A storage could not do what was asked. `code` is stable, `retryable` says whether the same call may succeed later."""

    code: ClassVar[str] = "STORAGE_ERROR"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, *, key: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.key = key


class ObjectMissing(StorageError):
    """There is no object under this key."""

    code = "OBJECT_MISSING"


class ObjectExists(StorageError):
    """A conditional put found an object under this key."""

    code = "OBJECT_EXISTS"


class ObjectChanged(StorageError):
    """The object's bytes are not those that were asked for: another size than recorded, or a range beyond its end."""

    code = "OBJECT_CHANGED"


class InvalidKey(StorageError):
    """The key is empty, too long for this storage, or would leave its root."""

    code = "INVALID_KEY"


class PermissionDenied(StorageError):
    """The storage knows us and refuses."""

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
    """The storage did not answer, or answered that it cannot serve now."""

    code = "STORAGE_UNAVAILABLE"
    retryable = True


class StorageFull(StorageError):
    """No space, or no quota, is left. Retryable: somebody may make room."""

    code = "STORAGE_FULL"
    retryable = True


class ConfigurationInvalid(StorageError):
    """The storage's URL or options cannot work; the detail names the option and the cure."""

    code = "STORAGE_MISCONFIGURED"
