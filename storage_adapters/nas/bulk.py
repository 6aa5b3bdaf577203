"""Bulk: one batch of puts, reads or deletes in one thread, with an outcome for each."""

from storage_adapters.errors import StorageError
from storage_adapters.nas.clearing import as_text
from storage_adapters.nas.directories import Directories, split_key
from storage_adapters.nas.faults import translate, translate_write
from storage_adapters.nas.objects import read_object, remove_file
from storage_adapters.nas.staging import Staging
from storage_adapters.object_storage.contract import ByteRange, DeleteOutcome, NewObject, PutOutcome


def put_batch(root: str, batch: list[NewObject]) -> list[PutOutcome]:
    """Put each object; a failed one does not stop the rest."""
    outcomes = []
    with Directories(root) as directories:
        staging = Staging(directories)
        for new in batch:
            fault: StorageError | None = None
            try:
                staging.put(new.key, new.data)
            except StorageError as error:
                fault = error
            except OSError as error:
                fault = translate_write(error, new.key)
            outcomes.append(PutOutcome(key=new.key, size_bytes=new.size_bytes, error=fault))
    return outcomes


def read_batch(root: str, batch: list[ByteRange]) -> list[bytes]:
    """Read each range. Raises: ObjectMissing, ObjectChanged and other storage errors."""
    with Directories(root) as directories:
        return [read_object(directories, wanted) for wanted in batch]


def delete_batch(root: str, batch: list[str]) -> list[DeleteOutcome]:
    """Delete each key; a failed one does not stop the rest."""
    outcomes = []
    with Directories(root) as directories:
        for key in batch:
            try:
                split_key(key)
            except StorageError as error:
                outcomes.append(DeleteOutcome(key=key, error=error))
            else:
                outcomes.append(DeleteOutcome(key=key, error=_remove(directories, key)))
    return outcomes


def clear_batch(root: str, batch: list[str]) -> list[DeleteOutcome]:
    """Like `delete_batch` for paths that were found, which may be names that no key can be."""
    with Directories(root) as directories:
        return [DeleteOutcome(key=as_text(path), error=_remove(directories, path)) for path in batch]


def _remove(directories: Directories, path: str) -> StorageError | None:
    try:
        remove_file(directories, path)
    except OSError as error:
        return translate(error, path)
    return None
