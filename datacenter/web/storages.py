"""Storages: register, change, check and browse them; their secrets read back as `***`."""

from typing import Annotated, cast

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from datacenter.datasets.storages import registration
from datacenter.datasets.storages.browsing import Entry, browse
from datacenter.datasets.storages.registration import StorageChange
from datacenter.errors import Invalid, NotFound
from datacenter.observability.redaction import redacted_url
from datacenter.settings.model import StorageSettings
from datacenter.storages.checking import Checker, Deadline
from datacenter.storages.rows import RegisteredStorage, registered_rows, registration_of
from datacenter.storages.secret_options import redacted_options
from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import API, Authorized, Call, CallOutcome, Changing, Keep
from datacenter.web.openapi import problems
from datacenter.web.pages import DEFAULT_ITEMS, Cursors, CursorText, Limit
from datacenter.web.roles import require_for_options
from datacenter.web.schemas.base import Page
from datacenter.web.schemas.storages import (
    EntryObject,
    HealthObject,
    NewStorageRequest,
    StorageChangeRequest,
    StorageObject,
)

router = APIRouter(prefix=f"{API}/storages", tags=["storages"], route_class=AuthRoute)


@router.post(
    "", status_code=201, response_model=StorageObject, responses=problems(409), summary="Register a storage"
)
def add(body: NewStorageRequest, call: Changing) -> Response:
    """Checks only that the registration is valid; `check` shows whether the storage answers."""
    require_for_options(call.principal, body.options)
    new = StorageSettings(kind=body.kind, url=body.url, role=body.role, options=body.options)

    def work(keep: Keep) -> CallOutcome:
        def added(session: Session, row: RegisteredStorage) -> CallOutcome:
            outcome = CallOutcome(status=201, body=_of_row(row), location=f"{API}/storages/{row.name}")
            keep(session, outcome)
            return outcome

        return registration.add(call.resources, body.name, new, added)

    response = call.perform(work)
    call.resources.storages.reload()
    return response


@router.get("", summary="List storages")
def list_all(
    call: Authorized, limit: Limit = DEFAULT_ITEMS, cursor: CursorText = None
) -> Page[StorageObject]:
    """Sorted by name."""
    cursors = Cursors(secret=call.secret, list_name="storages")
    after = cursors.read(cursor) or ""
    known = _known(call)
    names = [name for name in sorted(known) if name > after][: limit + 1]
    items = [storage_object(name, known[name]) for name in names[:limit]]
    return cursors.page(names, limit, lambda name: name, items)


@router.get("/{name}", responses=problems(404), summary="Show a storage")
def show(name: str, call: Authorized) -> StorageObject:
    """The registration, without secrets."""
    known = _known(call)
    if name not in known:
        raise NotFound(f"there is no storage {name}")
    return storage_object(name, known[name])


@router.patch(
    "/{name}", response_model=StorageObject, responses=problems(404, 409), summary="Change a storage"
)
def change_registration(name: str, body: StorageChangeRequest, call: Changing) -> Response:
    """Change role, URL or options. A new URL needs all secrets again, and is accepted only while no data is there."""
    require_for_options(call.principal, body.options)
    wanted = StorageChange(role=body.role, url=body.url, options=body.options)

    def work(keep: Keep) -> CallOutcome:
        def changed(session: Session, row: RegisteredStorage) -> CallOutcome:
            outcome = CallOutcome(status=200, body=_of_row(row))
            keep(session, outcome)
            return outcome

        return registration.change(call.resources, name, wanted, changed)

    response = call.perform(work)
    call.resources.storages.reload()
    return response


@router.delete(
    "/{name}",
    status_code=204,
    response_class=Response,
    responses=problems(404, 409),
    summary="Remove a storage",
)
def remove(name: str, call: Changing) -> Response:
    """Remove the registration; the content stays. 409 while data of this server is there or a job uses it."""

    def change(session: Session) -> CallOutcome:
        registration.remove(session, call.resources, name)
        return CallOutcome(status=204, body=None)

    response = call.commit(change)
    call.resources.storages.reload()
    return response


def storage_object(name: str, registered: StorageSettings) -> StorageObject:
    """A storage without its secrets."""
    return StorageObject(
        name=name,
        kind=registered.kind,
        role=registered.role,
        url=redacted_url(registered.url),
        options=redacted_options(registered.options),
        state="REGISTERED",
    )


def _of_row(row: RegisteredStorage) -> StorageObject:
    return storage_object(row.name, registration_of(row).shown)


def _known(call: Call) -> dict[str, StorageSettings]:
    """All storages as they are now, whichever process registered them."""
    with call.reading() as session:
        rows = {name: registration_of(row).shown for name, row in registered_rows(session).items()}
    return rows | call.resources.settings.storages


@router.post(
    "/{name}/check",
    operation_id="storage_contents_check",
    response_model=HealthObject,
    responses=problems(404),
    summary="Check a storage",
)
def check(name: str, call: Changing, request: Request) -> Response:
    """Writes, reads and deletes on a platform; only reads a source. A fault is a response with `ok: false`, not a problem."""
    checker = cast(Checker, request.app.state.checker)

    def work(keep: Keep) -> CallOutcome:
        try:
            found = checker.check(name)
        except Invalid as error:
            raise NotFound(f"there is no storage {name}") from error
        outcome = CallOutcome(status=200, body=HealthObject(ok=found.ok, detail=found.detail))
        call.resources.database.run(lambda session: keep(session, outcome))
        return outcome

    return call.perform(work)


@router.get(
    "/{name}/browse",
    operation_id="storage_contents_browse_source",
    responses=problems(404, 409),
    summary="Browse a source",
)
def browse_source(
    name: str,
    call: Authorized,
    request: Request,
    prefix: Annotated[
        str, Query(max_length=1024, description="End it with `/` to list what is inside.")
    ] = "",
    limit: Limit = DEFAULT_ITEMS,
    cursor: CursorText = None,
) -> Page[EntryObject]:
    """One level below the prefix, sorted by key: objects to import, and prefixes to browse."""
    cursors = Cursors(secret=call.secret, list_name=f"browse {name} {prefix}")
    after = cursors.read(cursor)
    deadline = cast(Deadline, request.app.state.deadline)
    rows = deadline.within(name, lambda: browse(call.resources, name, prefix, after=after, limit=limit + 1))
    return cursors.page(rows, limit, lambda row: row.key, [entry_object(row) for row in rows[:limit]])


def entry_object(entry: Entry) -> EntryObject:
    """An entry as a response object."""
    return EntryObject(
        name=entry.key.rstrip("/").rpartition("/")[2],
        key=entry.key,
        kind="prefix" if entry.is_prefix else "object",
        size_bytes=entry.size_bytes,
        modified_at=entry.modified_at,
    )
