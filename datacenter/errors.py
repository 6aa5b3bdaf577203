"""Domain errors: what a use case refuses, without a word of HTTP."""

from typing import ClassVar


class DataCentreError(Exception):
    """A request that cannot be done. `code` is stable; `detail` names the field and the cure."""

    code: ClassVar[str] = "ERROR"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class SettingsInvalid(DataCentreError):
    """The settings cannot work; `faults` has a sentence for each thing that is wrong."""

    code = "SETTINGS_INVALID"

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults

    def told(self) -> str:
        """For people: a sentence if one thing is wrong, else a list."""
        if len(self.faults) == 1:
            return self.detail
        return "\n  ".join([f"{len(self.faults)} things are wrong with the settings:", *self.faults])


class NotFound(DataCentreError):
    """There is nothing of this name that the caller may see."""

    code = "NOT_FOUND"


class Gone(DataCentreError):
    """It was there and has expired, or what it stands on was deleted."""

    code = "GONE"


class Invalid(DataCentreError):
    """A value in the request cannot be used."""

    code = "INVALID"


class Conflict(DataCentreError):
    """The request contradicts the present state."""

    code = "CONFLICT"


class Locked(Conflict):
    """Somebody else is writing to it at this moment."""

    code = "LOCKED"


class UploadIncomplete(Conflict):
    """Parts of the upload are missing, or not as long as planned."""

    code = "UPLOAD_INCOMPLETE"


class NameTaken(Conflict):
    """Another dataset of the project has this name."""

    code = "NAME_TAKEN"


class StorageNameTaken(Conflict):
    """A storage has this name."""

    code = "NAME_TAKEN"


class StorageFixed(Conflict):
    """The storage stands in the settings file, which no request changes."""

    code = "STORAGE_FIXED"


class StorageInUse(Conflict):
    """Something lies on the storage, or is read from it."""

    code = "STORAGE_IN_USE"


class VersionConflict(Conflict):
    """Somebody made a newer version meanwhile."""

    code = "VERSION_CONFLICT"


class JobFinished(Conflict):
    """The job has ended; it cannot be cancelled any more."""

    code = "JOB_FINISHED"


class JobNotRetryable(Conflict):
    """Only a job that ended in FAILURE or REVOKED can be retried."""

    code = "JOB_NOT_RETRYABLE"


class DatasetNotReady(Conflict):
    """The dataset is still being imported, or its import failed."""

    code = "DATASET_NOT_READY"


class KeyInFlight(Conflict):
    """Another request with this Idempotency-Key is being served."""

    code = "IDEMPOTENCY_IN_FLIGHT"


class KeyReused(DataCentreError):
    """This Idempotency-Key came with another request before."""

    code = "IDEMPOTENCY_KEY_REUSED"


class TooLarge(DataCentreError):
    """A body or an upload is over its limit."""

    code = "TOO_LARGE"


class Unauthenticated(DataCentreError):
    """No token, or one that is not valid."""

    code = "UNAUTHENTICATED"


class LinkInvalid(DataCentreError):
    """The signed link was altered."""

    code = "LINK_INVALID"


class NothingToImport(DataCentreError):
    """There is no object where an import was to find its files."""

    code = "NOTHING_TO_IMPORT"


class LeaseLost(DataCentreError):
    """Another worker holds this shard now; whatever this one does may not count."""

    code = "LEASE_LOST"
