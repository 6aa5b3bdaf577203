"""The files of a dataset: list them, read one, read the manifest."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response

from datacenter.datasets import files, records
from datacenter.datasets.files import FileEntry
from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import API, Authorized
from datacenter.web.openapi import BYTE_PARAMETERS, BYTES, HEAD_OF_BYTES, HEAD_PARAMETERS, problems
from datacenter.web.pages import DEFAULT_ITEMS, Cursors, CursorText, Limit
from datacenter.web.schemas.base import Page, VersionNumber
from datacenter.web.schemas.datasets import FileObject
from datacenter.web.streams import Representation, attachment, respond

PARQUET = "application/vnd.apache.parquet"
Version = Annotated[VersionNumber | None, Query(description="Default: the newest version.")]


def _in(media_type: str) -> dict[int | str, dict[str, Any]]:
    """`BYTES` with this media type."""
    schema = {"type": "string", "format": "binary"}
    return {
        status: {**response, "content": {media_type: {"schema": schema}}}
        if "content" in response
        else response
        for status, response in BYTES.items()
    }


router = APIRouter(prefix=f"{API}/datasets/{{dataset_id}}", tags=["files"], route_class=AuthRoute)


@router.get("/files", response_model=Page[FileObject], responses=problems(404, 409), summary="List files")
def list_all(
    dataset_id: str,
    call: Authorized,
    label: Annotated[str | None, Query(max_length=255)] = None,
    prefix: Annotated[str, Query(max_length=1024, description="Only paths that begin with this.")] = "",
    version: Version = None,
    limit: Limit = DEFAULT_ITEMS,
    cursor: CursorText = None,
) -> Response:
    """Sorted by path. A page is shorter than `limit` if the annotations are long."""
    with call.reading() as session:
        dataset, row = records.find_version(session, call.project_id, dataset_id, version)
    cursors = Cursors(secret=call.secret, list_name=f"files/{dataset_id}")
    after = cursors.read(cursor) or ""
    page = files.list_files(
        call.resources, dataset, row, label=label, prefix=prefix, after_path=after, limit=limit
    )
    items = [_file_object(entry) for entry in page.entries]
    body = {"items": items, "next": cursors.write(page.entries[-1].path) if page.more else None}
    return Response(orjson.dumps(body), media_type="application/json")


@router.head(
    "/files/{path:path}",
    operation_id="dataset_files_look",
    response_class=Response,
    responses={**problems(404, 409, 412), **HEAD_OF_BYTES},
    openapi_extra=HEAD_PARAMETERS,
    summary="Get the headers of a file",
)
@router.get(
    "/files/{path:path}",
    response_class=Response,
    responses={**problems(404, 409, 412, 416), **BYTES},
    openapi_extra=BYTE_PARAMETERS,
    summary="Read a file",
)
def read(dataset_id: str, path: str, request: Request, call: Authorized, version: Version = None) -> Response:
    """The bytes of a file. Supports Range, If-Range, If-Match, If-None-Match and HEAD. 409 if the rows are kept in a table."""
    with call.reading() as session:
        dataset, row = records.find_version(session, call.project_id, dataset_id, version)
    entry = files.find_file(call.resources, dataset, row, path)
    files.require_bytes(dataset)
    headers = {"Cache-Control": "private, no-cache", "Content-Security-Policy": "sandbox"}
    shown = _is_safe_to_show(entry.media_type)
    if not shown:
        headers["Content-Disposition"] = attachment(path.rsplit("/", 1)[-1])
    return respond(
        request,
        Representation(
            size_bytes=entry.size_bytes,
            etag=f'"{entry.crc32:08x}-{entry.size_bytes:x}"',
            media_type=entry.media_type if shown else "application/octet-stream",
            headers=headers,
            read=lambda start, stop: files.read_file(call.resources, dataset, entry, start, stop),
        ),
    )


@router.get(
    "/manifest",
    operation_id="dataset_files_read_manifest",
    response_class=Response,
    responses={**problems(404, 409, 412, 416), **_in(PARQUET)},
    openapi_extra=BYTE_PARAMETERS,
    summary="Read the manifest",
)
def manifest(dataset_id: str, request: Request, call: Authorized, version: Version = None) -> Response:
    """A Parquet row per file with the key of its object, for programs that read the storage directly."""
    with call.reading() as session:
        dataset, row = records.find_version(session, call.project_id, dataset_id, version)
    name = f"{dataset.name}-v{row.version}.parquet"
    return respond(
        request,
        Representation(
            size_bytes=files.manifest_bytes(call.resources, dataset, row),
            etag=f'"{dataset.id}-{row.version}"',
            media_type=PARQUET,
            headers={"Cache-Control": "private, no-cache", "Content-Disposition": attachment(name)},
            read=lambda start, stop: files.read_manifest(call.resources, dataset, row, start, stop),
        ),
    )


def _file_object(entry: FileEntry) -> dict[str, Any]:
    """A `FileObject`. The annotation is sent as it is stored: parsed, it needs many times its size in memory."""
    return {
        "path": entry.path,
        "size_bytes": entry.size_bytes,
        "crc32": entry.crc32,
        "media_type": entry.media_type,
        "labels": entry.labels,
        "annotation": None if entry.annotation is None else orjson.Fragment(entry.annotation),
    }


def _is_safe_to_show(media_type: str) -> bool:
    """A browser runs no script in these; an SVG may contain one."""
    return media_type.startswith("image/") and "svg" not in media_type
