"""Health: what the jobs need of a storage, tried out, and what is wrong in words a person can act on."""

from collections.abc import Callable
from uuid import uuid4

from storage_adapters.contract import ByteRange, Health, NewObject
from storage_adapters.errors import StorageError
from storage_adapters.s3.bulk import delete_batch, put_batch
from storage_adapters.s3.clients import Clients
from storage_adapters.s3.listing import list_keys
from storage_adapters.s3.objects import read_object

_CONTENT = b"check"


def check_health(clients: Clients) -> Health:
    """List, write, read and delete an object of a name of its own; the answer names the step that failed."""
    key = f"datacenter-check-{uuid4().hex}"
    whole = ByteRange(key=key, offset=0, length=len(_CONTENT))
    steps: list[tuple[str, Callable[[], object]]] = [
        ("listed", lambda: list(list_keys(clients, key))),
        ("written", lambda: _raise_error_of(put_batch(clients, [NewObject(key=key, data=_CONTENT)])[0])),
        ("read", lambda: read_object(clients, whole)),
        ("deleted from", lambda: _raise_error_of(delete_batch(clients, [key])[0])),
    ]
    url = clients.connection.url
    for deed, step in steps:
        try:
            step()
        except StorageError as error:
            return Health(
                ok=False, detail=f"{url} at {clients.connection.host} cannot be {deed}: {error.detail}"
            )
    return Health(
        ok=True, detail=f"{url} at {clients.connection.host} can be listed, written, read and deleted from."
    )


def _raise_error_of(outcome: object) -> None:
    error = getattr(outcome, "error", None)
    if error is not None:
        raise error
