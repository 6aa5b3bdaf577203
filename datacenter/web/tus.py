"""Uploads by the tus 1.0 protocol: creation, creation-with-upload, termination and expiration."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from datacenter.datasets.models import Upload
from datacenter.datasets.uploads import tus
from datacenter.errors import Gone, NotFound, TooLarge
from datacenter.web import tus_protocol
from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import (
    API,
    Authorized,
    Call,
    CallOutcome,
    IdempotencyHeader,
    change_of,
    resources_of,
)
from datacenter.web.openapi import problems

PATH = f"{API}/uploads"
MULTIPART_PATH = f"{PATH}/multipart"
"""Below the address of tus, which is not spoken there."""
BUFFER_BYTES = 8 << 20
"""What is gathered before it is written, and lost at most when this server dies."""
OCTETS = {
    "requestBody": {
        "content": {tus_protocol.CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


def is_spoken_at(path: str) -> bool:
    """Whether tus is spoken at this address: bodies are bytes of any length, and answers name the version."""
    return f"{path}/".startswith(f"{PATH}/") and not f"{path}/".startswith(f"{MULTIPART_PATH}/")


def _speaks_tus(request: Request) -> None:
    if request.headers.get("Tus-Resumable") != tus_protocol.VERSION:
        raise HTTPException(
            412,
            f"Tus-Resumable: this server speaks {tus_protocol.VERSION}",
            headers={"Tus-Version": tus_protocol.VERSION},
        )


def _answers(status: int, *names: str, refusals: tuple[int, ...]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation of the protocol: the headers of its answer, and of the version it refuses."""
    refused = problems(*refusals)
    for told in refused.values():
        told["headers"] = tus_protocol.about("Tus-Resumable")
    refused[412]["headers"] |= tus_protocol.about("Tus-Version")
    return {**refused, **tus_protocol.described(status, *names)}


Tus = Annotated[None, Depends(_speaks_tus)]
router = APIRouter(prefix=PATH, tags=["uploads"], route_class=AuthRoute)


@router.options("/{upload_id}", status_code=204, response_class=Response, include_in_schema=False)
@router.options(
    "",
    status_code=204,
    operation_id="tus_show_capabilities",
    response_class=Response,
    responses=tus_protocol.described(204, "Tus-Version", "Tus-Extension", "Tus-Max-Size"),
    summary="What this tus server can do",
)
def capabilities(request: Request) -> Response:
    """Version, extensions and the largest upload."""
    limit = resources_of(request).settings.limits.upload_bytes
    return Response(status_code=204, headers=tus_protocol.server_headers(limit))


@router.post(
    "",
    status_code=201,
    response_class=Response,
    responses=_answers(201, "Location", "Upload-Offset", "Upload-Expires", refusals=(412, 413, 423)),
    openapi_extra={
        **OCTETS,
        **tus_protocol.asked("Upload-Length", "Upload-Metadata", needed=("Upload-Length",)),
    },
    summary="Begin an upload",
)
async def create(request: Request, call: Authorized, _: Tus, key: IdempotencyHeader = None) -> Response:
    """Needs Upload-Length; the first bytes may come along. Upload-Metadata may name `filename` and `storage`."""
    size_bytes = tus_protocol.number(request.headers, "Upload-Length")
    metadata = tus_protocol.metadata(request.headers)
    name = tus_protocol.filename(metadata)
    storage = tus_protocol.value_of(metadata, "storage") or None
    has_bytes = request.headers.get("Content-Type") == tus_protocol.CONTENT_TYPE
    if has_bytes and _announced(request) > size_bytes:
        raise TooLarge(f"Content-Length: there is more than the {size_bytes} bytes of Upload-Length")
    change = change_of(call, request, key, f"{size_bytes} {metadata}".encode())

    def begin(session: Session) -> CallOutcome:
        upload = tus.begin(
            session,
            call.resources,
            project_id=call.project_id,
            filename=name,
            metadata=metadata,
            size_bytes=size_bytes,
            storage=storage,
        )
        return CallOutcome(status=201, body=None, location=f"{PATH}/{upload.id}")

    response = await run_in_threadpool(change.commit, begin)
    upload_id = response.headers["Location"].rsplit("/", 1)[-1]
    try:
        upload = await run_in_threadpool(_find, call, upload_id)
    except (NotFound, Gone):
        # The key was used before, and what it began is no more: its answer is still the one that was kept.
        return response
    if upload.size_bytes == 0:
        upload = await run_in_threadpool(tus.settle, call.resources, upload)
    elif has_bytes and upload.offset_bytes == 0:
        try:
            upload = await _receive(request, call, upload, 0)
        except TooLarge:
            # Nobody is told where it is, so nobody could go on with it or give it up.
            await run_in_threadpool(_forget, call, upload_id)
            raise
    response.headers.update(tus_protocol.upload_headers(upload))
    return response


@router.head(
    "/{upload_id}",
    response_class=Response,
    responses=_answers(
        200, "Upload-Offset", "Upload-Length", "Upload-Expires", "Upload-Metadata", refusals=(404, 410, 412)
    ),
    openapi_extra=tus_protocol.asked(),
    summary="How far is an upload?",
)
def show(upload_id: str, call: Authorized, _: Tus) -> Response:
    """Upload-Offset is where the next PATCH begins."""
    upload = tus.settle(call.resources, _find(call, upload_id))
    headers = {
        **tus_protocol.upload_headers(upload),
        "Upload-Length": str(upload.size_bytes),
        "Cache-Control": "no-store",
    }
    if upload.upload_metadata:
        headers["Upload-Metadata"] = upload.upload_metadata
    return Response(status_code=200, headers=headers)


@router.patch(
    "/{upload_id}",
    status_code=204,
    response_class=Response,
    responses=_answers(204, "Upload-Offset", "Upload-Expires", refusals=(404, 409, 410, 412, 413, 415, 423)),
    openapi_extra={**OCTETS, **tus_protocol.asked("Upload-Offset", needed=("Upload-Offset",))},
    summary="Send bytes",
)
async def append(upload_id: str, request: Request, call: Authorized, _: Tus) -> Response:
    """From Upload-Offset on, as many as there are; what has arrived is kept also when the connection breaks."""
    if request.headers.get("Content-Type") != tus_protocol.CONTENT_TYPE:
        raise HTTPException(415, f"Content-Type: it must be {tus_protocol.CONTENT_TYPE}")
    offset_bytes = tus_protocol.number(request.headers, "Upload-Offset")
    upload = await run_in_threadpool(_find, call, upload_id)
    upload = await _receive(request, call, upload, offset_bytes)
    return Response(status_code=204, headers=tus_protocol.upload_headers(upload))


@router.delete(
    "/{upload_id}",
    status_code=204,
    response_class=Response,
    responses=_answers(204, refusals=(404, 409, 410, 412)),
    openapi_extra=tus_protocol.asked(),
    summary="Give an upload up",
)
def remove(
    upload_id: str, request: Request, call: Authorized, _: Tus, key: IdempotencyHeader = None
) -> Response:
    """Its bytes are removed. 409 when an import reads it."""

    def give_up(session: Session) -> CallOutcome:
        tus.remove(session, call.project_id, upload_id)
        return CallOutcome(status=204, body=None)

    return change_of(call, request, key, b"").commit(give_up)


async def _receive(request: Request, call: Call, upload: Upload, offset_bytes: int) -> Upload:
    # Refused before the bytes travel, if the client says how many there are.
    tus.check_piece(upload, offset_bytes, _announced(request))
    arrived = False
    async for buffer in _gathered(request):
        arrived = True
        upload = await run_in_threadpool(_append, call, upload.id, offset_bytes, buffer)
        offset_bytes += len(buffer)
    if not arrived:
        upload = await run_in_threadpool(_append, call, upload.id, offset_bytes, b"")
    return upload


def _announced(request: Request) -> int:
    """The bytes that come along, or 0 if the client does not say."""
    return (
        tus_protocol.number(request.headers, "Content-Length") if "Content-Length" in request.headers else 0
    )


async def _gathered(request: Request) -> AsyncIterator[bytes]:
    """The body in buffers of one size, so that the storage gets few large writes; the last one is what is left."""
    chunks: list[bytes] = []
    size_bytes = 0
    try:
        async for chunk in request.stream():
            chunks.append(chunk)
            size_bytes += len(chunk)
            if size_bytes >= BUFFER_BYTES:
                yield b"".join(chunks)
                chunks, size_bytes = [], 0
    except ClientDisconnect:
        # Nobody reads the answer any more, but the client comes back and asks how far it got.
        pass
    if chunks:
        yield b"".join(chunks)


def _append(call: Call, upload_id: str, offset_bytes: int, data: bytes) -> Upload:
    return tus.append(call.resources, call.project_id, upload_id, offset_bytes=offset_bytes, data=data)


def _forget(call: Call, upload_id: str) -> None:
    call.resources.database.run(lambda session: tus.remove(session, call.project_id, upload_id))


def _find(call: Call, upload_id: str) -> Upload:
    with call.reading() as session:
        return tus.find(session, call.project_id, upload_id)
