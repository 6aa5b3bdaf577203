"""Domain errors: what a use case refuses, without a word of HTTP. The page `docs/errors.md` is made from the classes."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, kw_only=True)
class CodeMeaning:
    """What a code means that has no class of its own, and what to do; a class says the same by docstring and `cure`."""

    meaning: str
    cure: str
    retryable: bool = False


class DataCentreError(Exception):
    """A request that cannot be done. `code` is stable; `detail` names the field and the cure.

    A class with a code of its own says by its docstring what the code means, and by `cure` what to do;
    `retryable` says whether the same may succeed later.
    """

    code: ClassVar[str] = "ERROR"
    cure: ClassVar[str] = ""
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class SettingsInvalid(DataCentreError):
    """The settings cannot work; `faults` has a sentence for each fault."""

    code = "SETTINGS_INVALID"
    cure = (
        "Correct the settings that the message names, then start again; `datacenter config check` finds "
        "all faults at once."
    )

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults

    def message(self) -> str:
        """For people: a sentence if one thing is wrong, else a list."""
        if len(self.faults) == 1:
            return self.detail
        return "\n  ".join([f"{len(self.faults)} things are wrong with the settings:", *self.faults])


class NotFound(DataCentreError):
    """There is nothing of this name that the caller may see."""

    code = "NOT_FOUND"
    cure = "Check the address and the name or id; list what there is."


class Gone(DataCentreError):
    """It has expired, is not ready yet, or one of its datasets was deleted."""

    code = "GONE"
    cure = (
        "Ask for it anew: another link, download, export or upload. If the download is not ready yet, "
        "wait for its job."
    )


class Invalid(DataCentreError):
    """A value in the request cannot be used."""

    code = "INVALID"
    cure = "Change the fields that `errors` names."


class Conflict(DataCentreError):
    """The request contradicts the present state."""

    code = "CONFLICT"
    cure = "Read `detail`: it names what stands in the way."


class Locked(Conflict):
    """Another request is writing to the upload at this moment."""

    code = "LOCKED"
    cure = "Wait a moment, ask for the offset (HEAD), then go on from there."
    retryable = True


class UploadIncomplete(Conflict):
    """Parts of the upload are missing, or not as long as planned."""

    code = "UPLOAD_INCOMPLETE"
    cure = "List the parts that have arrived, send the others, complete again."


class NameTaken(Conflict):
    """Another dataset of the project has this name."""

    code = "NAME_TAKEN"
    cure = "Choose another name, or delete the dataset that has it."


class StorageNameTaken(Conflict):
    """Another storage has this name."""

    code = "NAME_TAKEN"
    cure = "Choose another name, or remove the storage that has it."


class StorageFixed(Conflict):
    """The storage is one of the settings file, which no request changes."""

    code = "STORAGE_FIXED"
    cure = "Change it in the settings file, or choose another name."


class StorageInUse(Conflict):
    """Data lies on the storage, or a job reads from it."""

    code = "STORAGE_IN_USE"
    cure = "Delete what lies there, or wait for the jobs that read it; `detail` names them."


class VersionConflict(Conflict):
    """Another request made a newer version meanwhile."""

    code = "VERSION_CONFLICT"
    cure = "Send the request again."
    retryable = True


class JobFinished(Conflict):
    """The job has ended; it cannot be cancelled any more."""

    code = "JOB_FINISHED"
    cure = "Nothing; look at its state."


class JobNotRetryable(Conflict):
    """Only a job that ended in FAILURE or REVOKED can be retried."""

    code = "JOB_NOT_RETRYABLE"
    cure = "Wait until the job has ended in FAILURE or REVOKED and has cleaned up."


class DatasetNotReady(Conflict):
    """The dataset is still being imported, or its import failed."""

    code = "DATASET_NOT_READY"
    cure = "Wait for its import; if that failed, retry it, or delete the dataset and import it anew."


class KeyInFlight(Conflict):
    """Another request with this Idempotency-Key is being served."""

    code = "IDEMPOTENCY_IN_FLIGHT"
    cure = "Wait a moment, then send the same request again: it gets the answer of the first."
    retryable = True


class KeyReused(DataCentreError):
    """This Idempotency-Key came with another request before."""

    code = "IDEMPOTENCY_KEY_REUSED"
    cure = "Use a new key for each new request."


class TooLarge(DataCentreError):
    """A body or an upload is over its limit."""

    code = "TOO_LARGE"
    cure = "Send less: split the archive. The operator can raise the limits (`limits` in the settings)."


class Unauthenticated(DataCentreError):
    """No token, or one that is not valid."""

    code = "UNAUTHENTICATED"
    cure = "Send `Authorization: Bearer …` with a valid token; `datacenter tokens create` makes one."


class LinkInvalid(DataCentreError):
    """The signed link was altered."""

    code = "LINK_INVALID"
    cure = "Copy the link in full, or ask for a new one."


class NothingToImport(DataCentreError):
    """There is no object under the prefix to import."""

    code = "NOTHING_TO_IMPORT"
    cure = "Correct the prefix; `datacenter storages browse` shows what is there."


class LeaseLost(DataCentreError):
    """Another worker holds this shard now; what this one does no longer counts."""

    code = "LEASE_LOST"
    cure = "Nothing; the other worker does the work."
