"""Health: what the jobs need of a storage, tried out, and what is wrong in words a person can act on."""

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
"""What the place cannot be if it fails, and what tries it."""


def try_out(
    storage: Storage, place: str, prepare: Callable[[], None] = lambda: None, *, writes: bool = True
) -> Health:
    """Whether the storage does what it is for; the answer names the place and the step that failed.

    `prepare` comes first, and is told as a failure to open the place. Without `writes` nothing is changed there.
    """
    return _try_all(storage, place, prepare) if writes else _try_reading(storage, place, prepare)


def _try_reading(storage: Storage, place: str, prepare: Callable[[], None]) -> Health:
    """List, and read one byte of what is found first."""
    found: list[ObjectInfo] = []
    steps: list[Step] = [
        ("opened", prepare),
        ("listed", lambda: found.extend(islice(storage.list_objects(""), 1))),
        ("read", lambda: list(storage.read_ranges(_first_byte(each) for each in found if each.size_bytes))),
    ]
    if fault := _fault(place, steps):
        return fault
    told = "can be listed and read" if found else "can be listed; there is nothing in it yet"
    return Health(ok=True, detail=f"{place} {told}.")


def _first_byte(info: ObjectInfo) -> ByteRange:
    return ByteRange(key=info.key, offset=0, length=1)


def _try_all(storage: Storage, place: str, prepare: Callable[[], None]) -> Health:
    """List, write, read and delete an object of a name of its own."""
    # Its full stop hides it from an import of the whole storage that lists it meanwhile.
    key = f".datacenter-check-{uuid4().hex}"
    whole = ByteRange(key=key, offset=0, length=len(_CONTENT))
    came_back: list[bytes] = []
    opening: list[Step] = [("opened", prepare), ("listed", lambda: list(storage.list_objects(key)))]
    changing: list[Step] = [
        ("written", lambda: _succeed(storage.put_many([NewObject(key=key, data=_CONTENT)]))),
        ("read", lambda: came_back.extend(storage.read_ranges([whole]))),
        ("deleted from", lambda: _succeed(storage.delete([key]))),
    ]
    if fault := _fault(place, opening):
        return fault
    if fault := _fault(place, changing):
        _remove(storage, key)
        return fault
    if b"".join(came_back) != _CONTENT:
        return Health(ok=False, detail=f"{place} gives back other bytes than were written.")
    return Health(ok=True, detail=f"{place} can be listed, written, read and deleted from.")


def _fault(place: str, steps: Sequence[Step]) -> Health | None:
    """Take the steps in turn; what is wrong with the first that fails."""
    for deed, step in steps:
        try:
            step()
        except StorageError as error:
            return Health(ok=False, detail=f"{place} cannot be {deed}: {error.detail}")
    return None


def _remove(storage: Storage, key: str) -> None:
    """Remove what was written before the step that failed; the answer is about that step."""
    with suppress(StorageError):
        list(storage.delete([key]))


def _succeed(outcomes: Iterable[PutOutcome | DeleteOutcome]) -> None:
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
