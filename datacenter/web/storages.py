"""Storages as they are registered, by the settings file or by request; their secrets read as `***`."""

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from datacenter.datasets.storages import registration
from datacenter.datasets.storages.registration import StorageChange
from datacenter.errors import NotFound
from datacenter.settings.model import StorageSettings
from datacenter.storages.rows import RegisteredStorage, registered_rows, registration_of
from datacenter.storages.secret_options import hide, hide_in_url
from datacenter.web.calls import API, Authorized, Call, Changing, Keep, Outcome
from datacenter.web.openapi import problems
from datacenter.web.pages import DEFAULT_ITEMS, Cursors, CursorText, Limit
from datacenter.web.schemas.page import Page
from datacenter.web.schemas.storages import NewStorageRequest, StorageChangeRequest, StorageObject
from datacenter.web.token_first import TokenFirst

router = APIRouter(prefix=f"{API}/storages", tags=["storages"], route_class=TokenFirst)


@router.post(
    "", status_code=201, response_model=StorageObject, responses=problems(409), summary="Register a storage"
)
def add(body: NewStorageRequest, call: Changing) -> Response:
    """The storage is opened to see that it can be; whether it answers is told by its check."""
    new = StorageSettings(kind=body.kind, url=body.url, role=body.role, options=body.options)

    def work(keep: Keep) -> Outcome:
        def added(session: Session, row: RegisteredStorage) -> Outcome:
            outcome = Outcome(status=201, body=_of_row(row), location=f"{API}/storages/{row.name}")
            keep(session, outcome)
            return outcome

        return registration.add(call.resources, body.name, new, added)

    response = call.perform(work)
    call.resources.storages.look_again()
    return response


@router.get("", summary="List storages")
def list_all(
    call: Authorized, limit: Limit = DEFAULT_ITEMS, cursor: CursorText = None
) -> Page[StorageObject]:
    """By name."""
    cursors = Cursors(secret=call.secret, list_name="storages")
    after = cursors.read(cursor) or ""
    known = _known(call)
    names = [name for name in sorted(known) if name > after][: limit + 1]
    items = [storage_object(name, known[name]) for name in names[:limit]]
    return cursors.page(names, limit, lambda name: name, items)


@router.get("/{name}", responses=problems(404), summary="Show a storage")
def show(name: str, call: Authorized) -> StorageObject:
    """How it was registered."""
    known = _known(call)
    if name not in known:
        raise NotFound(f"there is no storage {name}")
    return storage_object(name, known[name])


@router.patch(
    "/{name}", response_model=StorageObject, responses=problems(404, 409), summary="Change a storage"
)
def change_registration(name: str, body: StorageChangeRequest, call: Changing) -> Response:
    """Change role, URL or options; the URL only while nothing lies there, and then with the secrets given again."""
    wanted = StorageChange(role=body.role, url=body.url, options=body.options)

    def work(keep: Keep) -> Outcome:
        def changed(session: Session, row: RegisteredStorage) -> Outcome:
            outcome = Outcome(status=200, body=_of_row(row))
            keep(session, outcome)
            return outcome

        return registration.change(call.resources, name, wanted, changed)

    response = call.perform(work)
    call.resources.storages.look_again()
    return response


@router.delete(
    "/{name}",
    status_code=204,
    response_class=Response,
    responses=problems(404, 409),
    summary="Remove a storage",
)
def remove(name: str, call: Changing) -> Response:
    """Forget how it was registered, once nothing of ours lies on it and no job works with it; its content stays."""

    def change(session: Session) -> Outcome:
        registration.remove(session, call.resources, name)
        return Outcome(status=204, body=None)

    response = call.commit(change)
    call.resources.storages.look_again()
    return response


def storage_object(name: str, registered: StorageSettings) -> StorageObject:
    """A storage without its secrets."""
    return StorageObject(
        name=name,
        kind=registered.kind,
        role=registered.role,
        url=hide_in_url(registered.url),
        options=hide(registered.options),
        state="REGISTERED",
    )


def _of_row(row: RegisteredStorage) -> StorageObject:
    return storage_object(row.name, registration_of(row).shown)


def _known(call: Call) -> dict[str, StorageSettings]:
    """All of them as they are now, whichever process registered them."""
    with call.reading() as session:
        rows = {name: registration_of(row).shown for name, row in registered_rows(session).items()}
    return rows | call.resources.settings.storages
