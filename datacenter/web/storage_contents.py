"""What a storage answers: its check, and one level of what lies there."""

from typing import Annotated, cast

from fastapi import APIRouter, Query, Request, Response

from datacenter.datasets.storages.browsing import Entry, browse
from datacenter.errors import Invalid, NotFound
from datacenter.storages.checking import Checker, Deadline
from datacenter.web.calls import API, Authorized, Changing, Keep, Outcome
from datacenter.web.openapi import problems
from datacenter.web.pages import DEFAULT_ITEMS, Cursors, CursorText, Limit
from datacenter.web.schemas.page import Page
from datacenter.web.schemas.storages import EntryObject, HealthObject
from datacenter.web.token_first import TokenFirst

router = APIRouter(prefix=f"{API}/storages", tags=["storages"], route_class=TokenFirst)


@router.post("/{name}/check", response_model=HealthObject, responses=problems(404), summary="Check a storage")
def check(name: str, call: Changing, request: Request) -> Response:
    """Platforms are written to, read and cleaned again, sources only read; what is wrong is an answer, not a problem."""
    checker = cast(Checker, request.app.state.checker)

    def work(keep: Keep) -> Outcome:
        try:
            found = checker.check(name)
        except Invalid as error:
            raise NotFound(f"there is no storage {name}") from error
        outcome = Outcome(status=200, body=HealthObject(ok=found.ok, detail=found.detail))
        call.resources.database.run(lambda session: keep(session, outcome))
        return outcome

    return call.perform(work)


@router.get("/{name}/browse", responses=problems(404, 409), summary="Browse a source")
def browse_source(
    name: str,
    call: Authorized,
    request: Request,
    prefix: Annotated[str, Query(max_length=1024, description="With its final `/` to look into it.")] = "",
    limit: Limit = DEFAULT_ITEMS,
    cursor: CursorText = None,
) -> Page[EntryObject]:
    """One level below the prefix, by key: what can be imported, and prefixes to look into."""
    cursors = Cursors(secret=call.secret, list_name=f"browse {name} {prefix}")
    after = cursors.read(cursor)
    deadline = cast(Deadline, request.app.state.deadline)
    rows = deadline.within(name, lambda: browse(call.resources, name, prefix, after=after, limit=limit + 1))
    return cursors.page(rows, limit, lambda row: row.key, [entry_object(row) for row in rows[:limit]])


def entry_object(entry: Entry) -> EntryObject:
    """An entry as clients see it."""
    return EntryObject(
        name=entry.key.rstrip("/").rpartition("/")[2],
        key=entry.key,
        kind="prefix" if entry.is_prefix else "object",
        size_bytes=entry.size_bytes,
        modified_at=entry.modified_at,
    )
