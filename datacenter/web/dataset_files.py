"""The files of a dataset: the listing, the bytes of one, the manifest."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response

from datacenter.datasets import files, records
from datacenter.datasets.files import FileEntry
from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import API, Authorized
from datacenter.web.openapi import ASKS_FOR_BYTES, BYTES, HEAD_OF_BYTES, problems
from datacenter.web.pages import DEFAULT_ITEMS, Cursors, CursorText, Limit
from datacenter.web.schemas.base import Page, VersionNumber
from datacenter.web.schemas.datasets import FileObject
from datacenter.web.streams import Representation, attachment, respond

PARQUET = "application/vnd.apache.parquet"
Version = Annotated[VersionNumber | None, Query(description="The newest one if left out.")]


def _in(media_type: str) -> dict[int | str, dict[str, Any]]:
    """`BYTES` in a form of their own."""
    schema = {"type": "string", "format": "binary"}
    return {
        status: {**told, "content": {media_type: {"schema": schema}}} if "content" in told else told
        for status, told in BYTES.items()
    }


router = APIRouter(prefix=f"{API}/datasets/{{dataset_id}}", tags=["files"], route_class=AuthRoute)


@router.get("/files", response_model=Page[FileObject], responses=problems(404, 409), summary="List files")
def list_all(
    dataset_id: str,
    call: Authorized,
    label: Annotated[str | None, Query(max_length=255)] = None,
    prefix: Annotated[str, Query(max_length=1024, description="The start of their paths.")] = "",
    version: Version = None,
    limit: Limit = DEFAULT_ITEMS,
    cursor: CursorText = None,
) -> Response:
    """In the order of their paths. A page is shorter than `limit` if the annotations are long."""
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
    responses={**problems(404, 409), **HEAD_OF_BYTES},
    summary="Look at a file without its bytes",
)
@router.get(
    "/files/{path:path}",
    response_class=Response,
    responses={**problems(404, 409, 416), **BYTES},
    openapi_extra=ASKS_FOR_BYTES,
    summary="Read a file",
)
def read(dataset_id: str, path: str, request: Request, call: Authorized, version: Version = None) -> Response:
    """The bytes; Range, If-Range, If-None-Match and HEAD are served. Of rows that are kept in a table there are none: 409."""
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
    responses={**problems(404, 409, 416), **_in(PARQUET)},
    openapi_extra=ASKS_FOR_BYTES,
    summary="Read the manifest",
)
def manifest(dataset_id: str, request: Request, call: Authorized, version: Version = None) -> Response:
    """A Parquet row per file with the keys of the objects, for programs that read those themselves."""
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
    """A `FileObject`. The annotation goes out as it is kept: parsed, it takes many times its size of memory."""
    return {
        "path": entry.path,
        "size_bytes": entry.size_bytes,
        "crc32": entry.crc32,
        "media_type": entry.media_type,
        "labels": entry.labels,
        "annotation": None if entry.annotation is None else orjson.Fragment(entry.annotation),
    }


def _is_safe_to_show(media_type: str) -> bool:
    """A browser runs nothing in these; an SVG may hold a script."""
    return media_type.startswith("image/") and "svg" not in media_type
