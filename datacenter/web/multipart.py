"""Multipart uploads: presigned links for parts that clients send directly to COS or Ceph."""

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from datacenter.datasets.models import Upload
from datacenter.datasets.uploads import multipart
from datacenter.storages.owners import shown_name
from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import Authorized, CallOutcome, Changing, Keep
from datacenter.web.open_uploads import OpenUploads
from datacenter.web.openapi import problems
from datacenter.web.pages import DEFAULT_ITEMS, Cursors, CursorText, Limit
from datacenter.web.schemas.base import Page
from datacenter.web.schemas.multipart import (
    MultipartObject,
    NewMultipartRequest,
    PartLinkObject,
    SentPartObject,
)
from datacenter.web.tus import MULTIPART_PATH

router = APIRouter(prefix=MULTIPART_PATH, tags=["uploads"], route_class=AuthRoute)


@router.post(
    "",
    status_code=201,
    response_model=MultipartObject,
    responses=problems(413),
    summary="Begin a multipart upload",
)
def create(body: NewMultipartRequest, request: Request, call: Changing) -> Response:
    """422 NOT_SUPPORTED if the storage cannot sign links: use tus instead."""
    planned = multipart.plan(call.resources, call.project_id, body.storage, body.size_bytes, body.part_bytes)

    open_uploads: OpenUploads = request.app.state.open_uploads

    def begin(session: Session) -> CallOutcome:
        open_uploads.require_one(session, call.project_id)
        upload = multipart.begin(
            session,
            call.resources,
            project_id=call.project_id,
            filename=body.filename,
            planned=planned,
            storage=body.storage,
        )
        location = f"{MULTIPART_PATH}/{upload.id}"
        return CallOutcome(status=201, body=_multipart_object(upload), location=location)

    return call.commit(begin)


@router.get("/{upload_id}", responses=problems(404, 410), summary="Show a multipart upload")
def show(upload_id: str, call: Authorized) -> MultipartObject:
    """The plan of the upload, and whether it is complete."""
    with call.reading() as session:
        return _multipart_object(multipart.find(session, call.project_id, upload_id))


@router.get(
    "/{upload_id}/parts/{number}", responses=problems(404, 409, 410), summary="Get the link for one part"
)
def link(upload_id: str, number: int, call: Authorized) -> PartLinkObject:
    """Valid only for this part and its length, for an hour at most. A part that is sent again replaces the first."""
    found = multipart.link(call.resources, call.project_id, upload_id, number)
    return PartLinkObject(
        number=found.part.number,
        offset=found.part.offset,
        size_bytes=found.part.length,
        url=found.url,
        expires_at=found.expires_at,
    )


@router.get("/{upload_id}/parts", responses=problems(404, 409, 410), summary="List the uploaded parts")
def list_parts(
    upload_id: str, call: Authorized, limit: Limit = DEFAULT_ITEMS, cursor: CursorText = None
) -> Page[SentPartObject]:
    """The parts that the storage has, by number. To resume an upload, send the missing ones."""
    cursors = Cursors(secret=call.secret, list_name=f"parts {upload_id}")
    after = int(cursors.read(cursor) or 0)
    sent = multipart.list_sent(call.resources, call.project_id, upload_id, after=after, limit=limit + 1)
    items = [
        SentPartObject(number=part.number, size_bytes=part.length, etag=part.tag) for part in sent[:limit]
    ]
    return cursors.page(sent, limit, lambda part: str(part.number), items)


@router.post(
    "/{upload_id}/complete",
    response_model=MultipartObject,
    responses=problems(404, 409, 410),
    summary="Complete a multipart upload",
)
def complete(upload_id: str, call: Changing) -> Response:
    """Join the parts. 409 UPLOAD_INCOMPLETE names the missing parts. Completing an upload again changes nothing."""

    def work(keep: Keep) -> CallOutcome:
        upload = multipart.complete(call.resources, call.project_id, upload_id)
        outcome = CallOutcome(status=200, body=_multipart_object(upload))
        call.resources.database.run(lambda session: keep(session, outcome))
        return outcome

    return call.perform(work)


@router.delete(
    "/{upload_id}",
    status_code=204,
    response_class=Response,
    responses=problems(404, 409, 410),
    summary="Abort a multipart upload",
)
def remove(upload_id: str, call: Changing) -> Response:
    """Removes its parts. 409 while an import reads them."""

    def abort(session: Session) -> CallOutcome:
        multipart.remove(session, call.project_id, upload_id)
        return CallOutcome(status=204, body=None)

    return call.commit(abort)


def _multipart_object(upload: Upload) -> MultipartObject:
    planned = multipart.plan_of(upload)
    return MultipartObject(
        id=upload.id,
        filename=upload.filename,
        storage=shown_name(upload.storage),
        size_bytes=upload.size_bytes,
        part_bytes=planned.part_bytes,
        parts=planned.count,
        completed=upload.completed,
        created_at=upload.created_at,
        expires_at=upload.expires_at,
    )
