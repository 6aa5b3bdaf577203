"""Bulk: one batch of puts, reads or deletes, which opens each directory once."""

from functools import partial

from storage_adapters.nas.clearing import as_text
from storage_adapters.nas.directories import Directories, split_key
from storage_adapters.nas.faults import translated, translated_write
from storage_adapters.nas.objects import read_object, remove_file
from storage_adapters.nas.staging import StagedWrites
from storage_adapters.object_storage.base import delete_each, put_each
from storage_adapters.object_storage.contract import Buffer, ByteRange, DeleteOutcome, NewObject, PutOutcome


def put_batch(root: str, batch: list[NewObject]) -> list[PutOutcome]:
    """Put each object; a failed one does not stop the rest."""
    with Directories(root) as directories:
        return put_each(partial(_put, StagedWrites(directories)), batch)


def read_batch(root: str, batch: list[ByteRange]) -> list[bytes]:
    """Read each range. Raises: ObjectMissing, ObjectChanged and other storage errors."""
    with Directories(root) as directories:
        return [read_object(directories, wanted) for wanted in batch]


def delete_batch(root: str, batch: list[str]) -> list[DeleteOutcome]:
    """Delete each key; a failed one does not stop the rest."""
    with Directories(root) as directories:
        return delete_each(partial(_delete, directories), batch)


def clear_batch(root: str, batch: list[str]) -> list[DeleteOutcome]:
    """Like `delete_batch` for paths that were found, which may be names that no key can be."""
    with Directories(root) as directories:
        return [
            DeleteOutcome(key=as_text(path), error=outcome.error)
            for path, outcome in zip(batch, delete_each(partial(_remove, directories), batch), strict=True)
        ]


def _put(staging: StagedWrites, key: str, data: Buffer) -> None:
    with translated_write(key):
        staging.put(key, data)


def _delete(directories: Directories, key: str) -> None:
    split_key(key)
    _remove(directories, key)


def _remove(directories: Directories, path: str) -> None:
    with translated(path):
        remove_file(directories, path)
