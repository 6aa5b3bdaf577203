"""The audit: list who did what."""

import json
from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from datacenter.access.audit import Wanted, list_entries
from datacenter.access.models import AuditEntry
from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import API, Authorized, Call
from datacenter.web.listed_project import listed_project
from datacenter.web.pages import DEFAULT_ITEMS, MAX_ITEMS, Cursors, CursorText, Limit
from datacenter.web.schemas.access import AuditObject
from datacenter.web.schemas.base import Moment, Page, ShortText

LINES = "application/x-ndjson"
router = APIRouter(prefix=f"{API}/audit", tags=["access"], route_class=AuthRoute)


@router.get(
    "",
    response_model=Page[AuditObject],
    responses={200: {"content": {LINES: {"schema": {"type": "string"}}}}},
    summary="List the audit",
)
def list_all(
    call: Authorized,
    project: Annotated[ShortText | None, Query(description="Only this project; for operators.")] = None,
    who: Annotated[ShortText | None, Query(description="Only this name of a subject.")] = None,
    action: Annotated[
        ShortText | None, Query(description="Only this operation, such as `datasets_delete`.")
    ] = None,
    since: Annotated[Moment | None, Query(description="Only from this time on.")] = None,
    format: Annotated[
        Literal["json", "jsonl"], Query(description="`jsonl`: all matches as JSON lines, without pages.")
    ] = "json",
    limit: Limit = DEFAULT_ITEMS,
    cursor: CursorText = None,
) -> Response | Page[AuditObject]:
    """Newest first: an administrator sees the project's entries, an operator all."""
    with call.reading() as session:
        project_id = listed_project(session, call, project)
    wanted = Wanted(project_id=project_id, who=who, action=action, since=since)
    if format == "jsonl":
        return StreamingResponse(_lines(call, wanted), media_type=LINES)
    cursors = Cursors(secret=call.secret, list_name=f"audit {wanted.project_id}")
    with call.reading() as session:
        rows = list_entries(session, wanted, before_id=cursors.read(cursor), limit=limit + 1)
    items = [audit_object(entry, name) for entry, name in rows]
    return cursors.page(rows, limit, lambda row: row[0].id, items)


def _lines(call: Call, wanted: Wanted) -> Iterator[str]:
    before_id = None
    while True:
        with call.reading() as session:
            rows = list_entries(session, wanted, before_id=before_id, limit=MAX_ITEMS)
        for entry, name in rows:
            yield json.dumps(audit_object(entry, name).model_dump(mode="json"), ensure_ascii=False) + "\n"
        if len(rows) < MAX_ITEMS:
            return
        before_id = rows[-1][0].id


def audit_object(entry: AuditEntry, project: str | None) -> AuditObject:
    """A row as a response object."""
    return AuditObject(
        id=entry.id,
        at=entry.at,
        project=project,
        who=entry.who,
        subject=entry.subject,
        address=entry.address,
        action=entry.action,
        object_kind=entry.object_kind,
        object=entry.object_id,
        result=entry.result,
        request_id=entry.request_id,
    )
