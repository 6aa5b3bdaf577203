"""Health: try what the jobs need of a storage, and say what is wrong and what to do."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import islice
from uuid import uuid4

from storage_adapters.errors import StorageError
from storage_adapters.object_storage.contract import (
    ByteRange,
    DeleteOutcome,
    Health,
    NewObject,
    ObjectInfo,
    PutOutcome,
    Storage,
)

_CONTENT = b"check"
Step = tuple[str, Callable[[], object]]
"""The participle for the message if the step fails (`listed`), and the call that tries it."""


def try_storage(
    storage: Storage, place: str, prepare: Callable[[], None] = lambda: None, *, writes: bool = True
) -> Health:
    """Whether the storage works; the message names the place and the step that failed.

    `prepare` is called first; its failure is reported as "cannot be opened". Without `writes` nothing is changed.
    """
    return _try_all(storage, place, prepare) if writes else _try_reading(storage, place, prepare)


def _try_reading(storage: Storage, place: str, prepare: Callable[[], None]) -> Health:
    """List, and read one byte of the first object."""
    found: list[ObjectInfo] = []
    steps: list[Step] = [
        ("opened", prepare),
        ("listed", lambda: found.extend(islice(storage.list_objects(""), 1))),
        ("read", lambda: list(storage.read_ranges(_first_byte(each) for each in found if each.size_bytes))),
    ]
    if fault := _fault(place, steps):
        return fault
    result = "can be listed and read" if found else "can be listed; it is still empty"
    return Health(ok=True, detail=f"{place} {result}.")


def _first_byte(info: ObjectInfo) -> ByteRange:
    return ByteRange(key=info.key, offset=0, length=1)


def _try_all(storage: Storage, place: str, prepare: Callable[[], None]) -> Health:
    """List, write, read and delete an object of a name of its own."""
    # The leading dot hides it from an import of the whole storage that is listing at the same time.
    key = f".datacenter-check-{uuid4().hex}"
    whole = ByteRange(key=key, offset=0, length=len(_CONTENT))
    came_back: list[bytes] = []
    opening: list[Step] = [("opened", prepare), ("listed", lambda: list(storage.list_objects(key)))]
    changing: list[Step] = [
        ("written", lambda: _raise_error(storage.put_many([NewObject(key=key, data=_CONTENT)]))),
        ("read", lambda: came_back.extend(storage.read_ranges([whole]))),
        ("deleted from", lambda: _raise_error(storage.delete([key]))),
    ]
    if fault := _fault(place, opening):
        return fault
    if fault := _fault(place, changing):
        _remove(storage, key)
        return fault
    if b"".join(came_back) != _CONTENT:
        return Health(
            ok=False,
            detail=f"{place} returned other bytes than were written: check the storage, and the network between.",
        )
    return Health(ok=True, detail=f"{place} can be listed, written, read and deleted from.")


def _fault(place: str, steps: Sequence[Step]) -> Health | None:
    """Run the steps in turn; the failure of the first that fails."""
    for step_name, step in steps:
        try:
            step()
        except StorageError as error:
            return Health(ok=False, detail=f"{place} cannot be {step_name}: {error.detail}")
    return None


def _remove(storage: Storage, key: str) -> None:
    """Remove what was written before the step that failed; the message is about that step."""
    with suppress(StorageError):
        list(storage.delete([key]))


def _raise_error(outcomes: Iterable[PutOutcome | DeleteOutcome]) -> None:
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
