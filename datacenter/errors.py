"""Domain errors: why a use case refuses a request, independent of HTTP. `docs/errors.md` is generated from the classes."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class CodeMeaning:
    """The meaning and cure of a code without a class; a class has them as its docstring and `cure`."""

    meaning: str
    cure: str
    retryable: bool = False


class DataCentreError(Exception):
    """A request that cannot be fulfilled. `code` is stable; `detail` names the field and the cure.

    In a class with its own code, the docstring is the meaning of the code and `cure` is what to do.
    `retryable`: the same request may succeed later.
    """

    code: ClassVar[str] = "ERROR"
    cure: ClassVar[str] = ""
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class SettingsInvalid(DataCentreError):
    """The settings are wrong; `faults` has a sentence for each fault."""

    code = "SETTINGS_INVALID"
    cure = (
        "Correct the settings that the message names, then start again; `datacenter config check` finds "
        "all faults at once."
    )

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults

    def message(self) -> str:
        """For people: one sentence for one fault, else a list."""
        if len(self.faults) == 1:
            return self.detail
        return "\n  ".join([f"the settings have {len(self.faults)} faults:", *self.faults])


class Forbidden(DataCentreError):
    """The role of the token does not allow this request."""

    code = "FORBIDDEN"
    cure = "Ask an administrator of the project for a token with the role that `detail` names."


class NotFound(DataCentreError):
    """Nothing with this name or id is visible to the caller."""

    code = "NOT_FOUND"
    cure = "Check the address and the name or id; list what exists."


class Gone(DataCentreError):
    """It has expired, is not ready yet, or one of its datasets was deleted."""

    code = "GONE"
    cure = (
        "Request a new one: another link, download, export or upload. If the download is not ready yet, "
        "wait for its job."
    )


class Invalid(DataCentreError):
    """A value in the request cannot be used."""

    code = "INVALID"
    cure = "Change the fields that `errors` names."


class Conflict(DataCentreError):
    """The request conflicts with the present state."""

    code = "CONFLICT"
    cure = "Read `detail`: it names the conflict."


class Locked(Conflict):
    """Another request is writing to the upload at this moment."""

    code = "LOCKED"
    cure = "Wait a moment, ask for the offset (HEAD), then continue from there."
    retryable = True


class UploadIncomplete(Conflict):
    """Parts of the upload are missing or have the wrong length."""

    code = "UPLOAD_INCOMPLETE"
    cure = "List the parts that have arrived, send the others, then complete again."


class NameTaken(Conflict):
    """Another dataset of the project, or another storage or project, has this name."""

    code = "NAME_TAKEN"
    cure = "Choose another name, or remove the dataset or storage that has it."


class StorageFixed(Conflict):
    """The storage is defined in the settings file, which no request can change."""

    code = "STORAGE_FIXED"
    cure = "Change it in the settings file, or choose another name."


class StorageInUse(Conflict):
    """The storage holds data, or a job reads from it."""

    code = "STORAGE_IN_USE"
    cure = "Delete the data, or wait for the jobs; `detail` names them."


class VersionConflict(Conflict):
    """Another request has made a newer version meanwhile."""

    code = "VERSION_CONFLICT"
    cure = "Send the request again."
    retryable = True


class JobFinished(Conflict):
    """The job has already ended and cannot be cancelled."""

    code = "JOB_FINISHED"
    cure = "Nothing to do; check the job's state."


class JobNotRetryable(Conflict):
    """Only a job that ended in FAILURE or REVOKED can be retried."""

    code = "JOB_NOT_RETRYABLE"
    cure = "Wait until the job has ended in FAILURE or REVOKED and has cleaned up."


class DatasetNotReady(Conflict):
    """The dataset is still being imported, or its import failed."""

    code = "DATASET_NOT_READY"
    cure = "Wait for its import; if the import failed, retry it, or delete the dataset and import it again."


class KeyInFlight(Conflict):
    """Another request with this Idempotency-Key is still in progress."""

    code = "IDEMPOTENCY_IN_FLIGHT"
    cure = "Wait a moment, then send the same request again: it gets the response of the first."
    retryable = True


class KeyReused(DataCentreError):
    """This Idempotency-Key was used for a different request before."""

    code = "IDEMPOTENCY_KEY_REUSED"
    cure = "Use a new key for each new request."


class TooLarge(DataCentreError):
    """A body or an upload is over its limit."""

    code = "TOO_LARGE"
    cure = "Send less: split the archive. The operator can raise the limits (`limits` in the settings)."


class Unauthenticated(DataCentreError):
    """The token is missing or invalid."""

    code = "UNAUTHENTICATED"
    cure = "Send `Authorization: Bearer …` with a valid token; `datacenter tokens create` creates one."


class LinkInvalid(DataCentreError):
    """The signed link was altered."""

    code = "LINK_INVALID"
    cure = "Copy the link in full, or ask for a new one."


class NothingToImport(DataCentreError):
    """The prefix has no object to import."""

    code = "NOTHING_TO_IMPORT"
    cure = "Correct the prefix; `datacenter storages browse` lists the objects."


class LeaseLost(DataCentreError):
    """Another worker holds this shard now; the result of this worker is discarded."""

    code = "LEASE_LOST"
    cure = "Nothing to do; the other worker does the work."
