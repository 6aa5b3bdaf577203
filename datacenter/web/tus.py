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
from datacenter.web.open_uploads import OpenUploads
from datacenter.web.openapi import problems
from datacenter.web.problems import TooBusy
from datacenter.web.shares import Allowance, allowance_of
from datacenter.web.threads import Threads, in_thread
from storage_adapters.object_storage.contract import Buffer

PATH = f"{API}/uploads"
MULTIPART_PATH = f"{PATH}/multipart"
"""Below the path of tus, but not part of it."""
BUFFER_BYTES = 8 << 20
"""Buffered before each write; a server that dies loses at most this much."""
STEP_BYTES = 256 << 10
"""The memory for a buffer is taken in such steps, as bytes arrive."""
OCTETS = {
    "requestBody": {
        "content": {tus_protocol.CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


def is_tus_path(path: str) -> bool:
    """Whether this path belongs to tus: bodies are bytes of any length, and responses name the version."""
    return f"{path}/".startswith(f"{PATH}/") and not f"{path}/".startswith(f"{MULTIPART_PATH}/")


def _require_version(request: Request) -> None:
    if request.headers.get("Tus-Resumable") != tus_protocol.VERSION:
        raise HTTPException(
            412,
            f"Tus-Resumable: must be {tus_protocol.VERSION}",
            headers={"Tus-Version": tus_protocol.VERSION},
        )


def _answers(status: int, *names: str, errors: tuple[int, ...]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a tus operation: the headers of its success and of its errors."""
    failures = problems(*errors)
    for response in failures.values():
        response["headers"] = tus_protocol.header_docs("Tus-Resumable")
    failures[412]["headers"] |= tus_protocol.header_docs("Tus-Version")
    return {**failures, **tus_protocol.response_docs(status, *names)}


Tus = Annotated[None, Depends(_require_version)]
router = APIRouter(prefix=PATH, tags=["uploads"], route_class=AuthRoute)


@router.options("/{upload_id}", status_code=204, response_class=Response, include_in_schema=False)
@router.options(
    "",
    status_code=204,
    operation_id="tus_show_capabilities",
    response_class=Response,
    responses=tus_protocol.response_docs(204, "Tus-Version", "Tus-Extension", "Tus-Max-Size"),
    summary="Show the tus capabilities of the server",
)
def capabilities(request: Request) -> Response:
    """Version, extensions and maximum size of an upload."""
    limit = resources_of(request).settings.limits.upload_bytes
    return Response(status_code=204, headers=tus_protocol.server_headers(limit))


@router.post(
    "",
    status_code=201,
    response_class=Response,
    responses=_answers(201, "Location", "Upload-Offset", "Upload-Expires", errors=(412, 413, 423)),
    openapi_extra={
        **OCTETS,
        **tus_protocol.parameter_docs("Upload-Length", "Upload-Metadata", needed=("Upload-Length",)),
    },
    summary="Begin an upload",
)
async def create(request: Request, call: Authorized, _: Tus, key: IdempotencyHeader = None) -> Response:
    """Needs Upload-Length; the body may contain the first bytes. Upload-Metadata may name `filename` and `storage`."""
    size_bytes = tus_protocol.number(request.headers, "Upload-Length")
    metadata = tus_protocol.metadata(request.headers)
    name = tus_protocol.filename(metadata)
    storage = tus_protocol.value_of(metadata, "storage") or None
    has_bytes = request.headers.get("Content-Type") == tus_protocol.CONTENT_TYPE
    if has_bytes and _announced(request) > size_bytes:
        raise TooLarge(f"Content-Length: more than the {size_bytes} bytes of Upload-Length")
    change = change_of(call, request, key, f"{size_bytes} {metadata}".encode())

    open_uploads: OpenUploads = request.app.state.open_uploads

    def begin(session: Session) -> CallOutcome:
        open_uploads.require_one(session, call.project_id)
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
        # The key was used before, and its upload is gone by now: the stored response is still the answer.
        return response
    if upload.size_bytes == 0:
        upload = await run_in_threadpool(tus.settle, call.resources, upload)
    elif has_bytes and upload.offset_bytes == 0:
        try:
            upload = await _receive(request, call, upload, 0)
        except TooLarge:
            # The client does not get the address, so it could neither resume nor abort this upload.
            await run_in_threadpool(_remove, call, upload_id)
            raise
        except TooBusy:
            # The upload has begun: the client continues at the offset of this response.
            upload = await run_in_threadpool(_find, call, upload_id)
    response.headers.update(tus_protocol.upload_headers(upload))
    return response


@router.head(
    "/{upload_id}",
    response_class=Response,
    responses=_answers(
        200, "Upload-Offset", "Upload-Length", "Upload-Expires", "Upload-Metadata", errors=(404, 410, 412)
    ),
    openapi_extra=tus_protocol.parameter_docs(),
    summary="Show the offset of an upload",
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
    responses=_answers(204, "Upload-Offset", "Upload-Expires", errors=(404, 409, 410, 412, 413, 415, 423)),
    openapi_extra={**OCTETS, **tus_protocol.parameter_docs("Upload-Offset", needed=("Upload-Offset",))},
    summary="Append bytes to an upload",
)
async def append(upload_id: str, request: Request, call: Authorized, _: Tus) -> Response:
    """Append the body at Upload-Offset. Bytes that have arrived are kept even if the connection breaks."""
    if request.headers.get("Content-Type") != tus_protocol.CONTENT_TYPE:
        raise HTTPException(415, f"Content-Type: must be {tus_protocol.CONTENT_TYPE}")
    offset_bytes = tus_protocol.number(request.headers, "Upload-Offset")
    upload = await run_in_threadpool(_find, call, upload_id)
    upload = await _receive(request, call, upload, offset_bytes)
    return Response(status_code=204, headers=tus_protocol.upload_headers(upload))


@router.delete(
    "/{upload_id}",
    status_code=204,
    response_class=Response,
    responses=_answers(204, errors=(404, 409, 410, 412)),
    openapi_extra=tus_protocol.parameter_docs(),
    summary="Abort an upload",
)
def remove(
    upload_id: str, request: Request, call: Authorized, _: Tus, key: IdempotencyHeader = None
) -> Response:
    """Removes its bytes. 409 while an import reads them."""

    def abort(session: Session) -> CallOutcome:
        tus.remove(session, call.project_id, upload_id)
        return CallOutcome(status=204, body=None)

    return change_of(call, request, key, b"").commit(abort)


async def _receive(request: Request, call: Call, upload: Upload, offset_bytes: int) -> Upload:
    # Rejected before the bytes travel, if the client sends Content-Length.
    tus.check_piece(upload, offset_bytes, _announced(request))
    threads: Threads = request.app.state.threads
    arrived = False
    async for buffer in _buffered(request, allowance_of(request.scope)):
        arrived = True
        upload = await in_thread(threads.uploads, _append, call, upload.id, offset_bytes, buffer)
        offset_bytes += len(buffer)
    if not arrived:
        upload = await in_thread(threads.uploads, _append, call, upload.id, offset_bytes, b"")
    return upload


def _announced(request: Request) -> int:
    """Content-Length, or 0 without one."""
    return (
        tus_protocol.number(request.headers, "Content-Length") if "Content-Length" in request.headers else 0
    )


async def _buffered(request: Request, allowance: Allowance) -> AsyncIterator[bytearray]:
    """The body in buffers of one size, so that the storage gets few large writes.

    Buffers are shorter where the body ends, and while the caller's share of the memory allows no more.

    Raises:
        TooBusy: the caller's share allows no buffer at all; the buffers so far were yielded.
    """
    buffer = bytearray()
    taken_bytes = 0
    try:
        async for chunk in request.stream():
            if len(buffer) + len(chunk) > taken_bytes:
                step_bytes = max(STEP_BYTES, len(chunk))
                if buffer and not allowance.take_bytes(step_bytes):
                    yield buffer
                    allowance.give_back_bytes(taken_bytes)
                    buffer, taken_bytes = bytearray(), 0
                if not buffer:
                    allowance.require_bytes(step_bytes)
                taken_bytes += step_bytes
            buffer += chunk
            if len(buffer) >= BUFFER_BYTES:
                yield buffer
                allowance.give_back_bytes(taken_bytes)
                buffer, taken_bytes = bytearray(), 0
    except ClientDisconnect:
        # The client does not read this response, but can reconnect and ask for the offset.
        pass
    if buffer:
        yield buffer
        allowance.give_back_bytes(taken_bytes)


def _append(call: Call, upload_id: str, offset_bytes: int, data: Buffer) -> Upload:
    return tus.append(call.resources, call.project_id, upload_id, offset_bytes=offset_bytes, data=data)


def _remove(call: Call, upload_id: str) -> None:
    call.resources.database.run(lambda session: tus.remove(session, call.project_id, upload_id))


def _find(call: Call, upload_id: str) -> Upload:
    with call.reading() as session:
        return tus.find(session, call.project_id, upload_id)
