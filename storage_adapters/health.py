"""Health: what the jobs need of a storage, tried out, and what is wrong in words a person can act on."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from uuid import uuid4

from storage_adapters.contract import ByteRange, DeleteOutcome, Health, NewObject, PutOutcome, Storage
from storage_adapters.errors import StorageError

_CONTENT = b"check"


def try_out(storage: Storage, place: str, prepare: Callable[[], None] = lambda: None) -> Health:
    """List, write, read and delete an object of a name of its own; the answer names the place and the step that failed.

    `prepare` comes first, and is told as a failure to open the place.
    """
    # Its full stop hides it from an import of the whole storage that lists it meanwhile.
    key = f".datacenter-check-{uuid4().hex}"
    whole = ByteRange(key=key, offset=0, length=len(_CONTENT))
    steps: list[tuple[str, Callable[[], object]]] = [
        ("opened", prepare),
        ("listed", lambda: list(storage.list_objects(key))),
        ("written", lambda: _succeed(storage.put_many([NewObject(key=key, data=_CONTENT)]))),
        ("read", lambda: b"".join(storage.read_ranges([whole]))),
        ("deleted from", lambda: _succeed(storage.delete([key]))),
    ]
    found: dict[str, object] = {}
    for deed, step in steps:
        try:
            found[deed] = step()
        except StorageError as error:
            if "listed" in found:
                _remove(storage, key)
            return Health(ok=False, detail=f"{place} cannot be {deed}: {error.detail}")
    if found["read"] != _CONTENT:
        return Health(ok=False, detail=f"{place} gives back other bytes than were written.")
    return Health(ok=True, detail=f"{place} can be listed, written, read and deleted from.")


def _remove(storage: Storage, key: str) -> None:
    """Remove what was written before the step that failed; the answer is about that step."""
    with suppress(StorageError):
        list(storage.delete([key]))


def _succeed(outcomes: Iterable[PutOutcome | DeleteOutcome]) -> None:
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
