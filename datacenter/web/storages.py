"""Storages: register, change, check and browse them; their secrets read back as `***`."""

from typing import Annotated, cast

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.orm import Session

from datacenter.access.projects import list_projects
from datacenter.datasets.storages import registration
from datacenter.datasets.storages.browsing import Entry, browse
from datacenter.datasets.storages.registration import KEEP, Owner, StorageChange
from datacenter.errors import Forbidden, Invalid, NameTaken, NotFound
from datacenter.observability.redaction import redacted_url
from datacenter.settings.model import StorageSettings
from datacenter.storages.checking import Checker, Deadline
from datacenter.storages.owners import (
    SEPARATOR,
    KnownStorage,
    find,
    ids_of,
    is_ambiguous,
    known_row,
    known_to,
    own_key,
)
from datacenter.storages.rows import RegisteredStorage
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
    """It belongs to your project; an operator may share it with all or some. `check` shows whether the storage answers."""
    require_for_options(call.principal, body.options)
    new = StorageSettings(kind=body.kind, url=body.url, role=body.role, options=body.options)
    with call.reading() as session:
        owner = _owner(session, call, body)
    key = body.name if owner.project_id is None else own_key(call.project_id, body.name)

    def work(keep: Keep) -> CallOutcome:
        def added(session: Session, row: RegisteredStorage) -> CallOutcome:
            if is_ambiguous(session, call.resources.storages, call.project_id, body.name):
                raise NameTaken(f"name: a storage {body.name!r} already exists; choose another name")
            shown = storage_object(session, call, known_row(row))
            outcome = CallOutcome(status=201, body=shown, location=f"{API}/storages/{body.name}")
            keep(session, outcome)
            return outcome

        return registration.add(call.resources, key, new, added, owner=owner)

    response = call.perform(work)
    call.resources.storages.reload()
    return response


def _owner(session: Session, call: Call, body: NewStorageRequest) -> Owner:
    """Raises: Forbidden, Invalid."""
    if not body.shared and body.projects is None:
        return Owner(project_id=call.project_id, created_by=call.principal.name)
    _require_operator(call, "projects" if body.projects is not None else "shared")
    shared_with = None if body.projects is None else ids_of(session, body.projects)
    return Owner(shared_with=shared_with, created_by=call.principal.name)


def _require_operator(call: Call, field: str) -> None:
    if not call.principal.operator:
        raise Forbidden(f"{field}: only an operator shares storages; leave it out", field=field)


@router.get("", summary="List storages")
def list_all(
    call: Authorized, limit: Limit = DEFAULT_ITEMS, cursor: CursorText = None
) -> Page[StorageObject]:
    """Those of your project and those shared with it, by name; to an operator all shared ones."""
    cursors = Cursors(secret=call.secret, list_name="storages")
    after = cursors.read(cursor) or ""
    with call.reading() as session:
        known = known_to(
            session, call.resources.storages, call.project_id, all_shared=call.principal.operator
        )
        page = [each for each in known if each.name > after][: limit + 1]
        items = [storage_object(session, call, each) for each in page[:limit]]
    return cursors.page(page, limit, lambda each: each.name, items)


@router.get("/{name}", responses=problems(404), summary="Show a storage")
def show(name: str, call: Authorized) -> StorageObject:
    """The registration, without secrets."""
    with call.reading() as session:
        return storage_object(session, call, _find(session, call, name))


def _find(session: Session, call: Call, name: str) -> KnownStorage:
    """The storage that the caller means. Raises: NotFound, also for one that its project may not use."""
    storages = call.resources.storages
    found = find(session, storages, call.project_id, name)
    if found is None and call.principal.operator:
        shared = known_to(session, storages, call.project_id, all_shared=True)
        found = next((each for each in shared if each.name == name), None)
    if found is None:
        raise NotFound(f"there is no storage {name}")
    return found


def _to_change(session: Session, call: Call, name: str) -> KnownStorage:
    """The same, to change it. Raises: NotFound, Forbidden."""
    found = _find(session, call, name)
    if found.row is not None and found.shared and not call.principal.operator:
        raise Forbidden(f"storage {name} is shared with other projects; only an operator changes it")
    return found


@router.patch(
    "/{name}", response_model=StorageObject, responses=problems(404, 409), summary="Change a storage"
)
def change_registration(name: str, body: StorageChangeRequest, call: Changing) -> Response:
    """Change role, URL or options. A new URL needs all secrets again, and is accepted only while no data is there.

    A platform never becomes a source.
    """
    require_for_options(call.principal, body.options)
    with call.reading() as session:
        key = _to_change(session, call, name).key
        shared_with: object = KEEP
        if body.projects is not None or body.shared is not None:
            _require_operator(call, "projects" if body.projects is not None else "shared")
            if SEPARATOR in key:
                raise Invalid(
                    "shared: a project's own storage cannot be shared; register it again", field="shared"
                )
            shared_with = None if body.projects is None else ids_of(session, body.projects)
    wanted = StorageChange(role=body.role, url=body.url, options=body.options, shared_with=shared_with)

    def work(keep: Keep) -> CallOutcome:
        def changed(session: Session, row: RegisteredStorage) -> CallOutcome:
            outcome = CallOutcome(status=200, body=storage_object(session, call, known_row(row)))
            keep(session, outcome)
            return outcome

        return registration.change(call.resources, key, wanted, changed)

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
        registration.remove(session, call.resources, _to_change(session, call, name).key)
        return CallOutcome(status=204, body=None)

    response = call.commit(change)
    call.resources.storages.reload()
    return response


def storage_object(session: Session, call: Call, known: KnownStorage) -> StorageObject:
    """A storage without its secrets."""
    shared_with = None if known.row is None else known.row.shared_with
    projects = list(known.shown.projects) or None
    if shared_with is not None:
        projects = sorted(project.name for project in list_projects(session) if project.id in shared_with)
    return StorageObject(
        name=known.name,
        kind=known.shown.kind,
        role=known.shown.role,
        url=redacted_url(known.shown.url),
        options=redacted_options(known.shown.options),
        state="REGISTERED",
        shared=known.shared,
        # Names of other projects are for operators.
        projects=projects if call.principal.operator else None,
        created_by=None if known.row is None else known.row.created_by,
    )


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
    with call.reading() as session:
        key = _find(session, call, name).key

    def work(keep: Keep) -> CallOutcome:
        try:
            found = checker.check(key)
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
    with call.reading() as session:
        found = find(session, call.resources.storages, call.project_id, name)
    if found is None:
        raise NotFound(f"there is no storage {name}")
    key = found.key
    cursors = Cursors(secret=call.secret, list_name=f"browse {key} {prefix}")
    after = cursors.read(cursor)
    deadline = cast(Deadline, request.app.state.deadline)
    rows = deadline.within(key, lambda: browse(call.resources, key, prefix, after=after, limit=limit + 1))
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
