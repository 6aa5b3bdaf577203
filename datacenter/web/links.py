"""Signed links: a client with a link can download the archive until it expires; no token is needed."""

from fastapi import APIRouter, Request, Response

from datacenter.datasets.archives import downloads
from datacenter.web.admission import Limits
from datacenter.web.calls import resources_of
from datacenter.web.openapi import BYTE_PARAMETERS, BYTES, HEAD_OF_BYTES, HEAD_PARAMETERS, problems
from datacenter.web.shares import Caller, allowance_of
from datacenter.web.streams import Representation, attachment, respond

router = APIRouter(tags=["downloads"])


@router.head("/d/{token}", response_class=Response, include_in_schema=False)
@router.head(
    "/d/{token}/{name:path}",
    operation_id="links_look",
    response_class=Response,
    responses={**problems(403, 410, 412), **HEAD_OF_BYTES},
    openapi_extra=HEAD_PARAMETERS,
    summary="Get the headers of an archive",
)
@router.get("/d/{token}", response_class=Response, include_in_schema=False)
@router.get(
    "/d/{token}/{name:path}",
    response_class=Response,
    responses={**problems(403, 410, 412, 416), **BYTES},
    openapi_extra=BYTE_PARAMETERS,
    summary="Download an archive by its link",
)
def fetch(token: str, request: Request, name: str = "") -> Response:
    """The bytes of the archive. Supports Range, If-Range, If-Match, ETag and HEAD, so a client can resume a broken transfer.

    The name lets `wget` and `curl -O` save the file under it; the token alone says what is served, with any name or none.
    """
    del name
    resources = resources_of(request)
    with resources.database.reading() as session:
        download, archive = downloads.resolve(session, resources, token)
    limits: Limits = request.app.state.limits
    caller = Caller(name=f"link {download.id}", group=download.project_id)
    operation = "links_fetch" if request.method == "GET" else "links_look"
    limits.identify(allowance_of(request.scope), caller, operation)
    return respond(
        request,
        Representation(
            size_bytes=archive.size_bytes,
            etag=f'"{archive.etag}"',
            media_type=archive.media_type,
            headers={"Cache-Control": "no-store", "Content-Disposition": attachment(download.filename)},
            read=lambda start, stop: downloads.read(resources, download, archive, start, stop),
        ),
    )
