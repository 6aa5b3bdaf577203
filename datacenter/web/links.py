"""Signed links: a client with a link can download the archive until it expires; no token is needed."""

from fastapi import APIRouter, Request, Response

from datacenter.datasets.archives import downloads
from datacenter.web.calls import resources_of
from datacenter.web.openapi import BYTE_PARAMETERS, BYTES, HEAD_OF_BYTES, problems
from datacenter.web.streams import Representation, attachment, respond

router = APIRouter(tags=["downloads"])


@router.head(
    "/d/{token}",
    operation_id="links_look",
    response_class=Response,
    responses={**problems(403, 410), **HEAD_OF_BYTES},
    summary="Get the headers of an archive",
)
@router.get(
    "/d/{token}",
    response_class=Response,
    responses={**problems(403, 410, 416), **BYTES},
    openapi_extra=BYTE_PARAMETERS,
    summary="Download an archive by its link",
)
def fetch(token: str, request: Request) -> Response:
    """The bytes of the archive. Supports Range, If-Range, ETag and HEAD, so a client can resume a broken transfer."""
    resources = resources_of(request)
    with resources.database.reading() as session:
        download, archive = downloads.resolve(session, resources, token)
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
