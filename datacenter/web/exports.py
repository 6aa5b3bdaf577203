"""Exports: preview, build, list and show them."""

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from datacenter.datasets.archives import exports
from datacenter.datasets.archives.exports import ExportRequest
from datacenter.datasets.label_filter import LabelFilter
from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import API, Authorized, CallOutcome, Changing, IdempotencyHeader, started
from datacenter.web.objects import export_object, job_object
from datacenter.web.openapi import problems
from datacenter.web.pages import DEFAULT_ITEMS, Cursors, CursorText, Limit
from datacenter.web.schemas.base import Page
from datacenter.web.schemas.exports import (
    ExportContent,
    ExportObject,
    ExportStarted,
    LabelFilterRequest,
    NewExportRequest,
    PreviewObject,
)

router = APIRouter(prefix=f"{API}/exports", tags=["exports"], route_class=AuthRoute)


@router.post("/preview", responses=problems(404, 409, 413), summary="Preview an export")
def preview(body: ExportContent, call: Authorized, _: IdempotencyHeader = None) -> PreviewObject:
    """Count the files and bytes of the export. Changes nothing.

    For a table that loses rows or gets another format, the bytes are an estimate from the stored size.
    """
    found = exports.preview(call.resources, call.project_id, _export_request(body))
    return PreviewObject(files=found.files, size_bytes=found.size_bytes, rows=found.rows, labels=found.labels)


@router.post(
    "",
    status_code=202,
    response_model=ExportStarted,
    responses=problems(404, 409, 413),
    summary="Export datasets",
)
def create(body: NewExportRequest, call: Changing) -> Response:
    """One archive of the selected files. The same selection of the same versions is built once and shared."""
    request = _export_request(body)

    def change(session: Session) -> CallOutcome:
        export, archive, job = exports.create(
            session, call.resources, call.project_id, request, body.job_options()
        )
        answer = ExportStarted(export=export_object(export, archive), job=job_object(session, call, job))
        return started(answer, job, object_id=export.id)

    return call.commit(change)


@router.get("", summary="List exports")
def list_all(call: Authorized, limit: Limit = DEFAULT_ITEMS, cursor: CursorText = None) -> Page[ExportObject]:
    """Newest first."""
    cursors = Cursors(secret=call.secret, list_name="exports")
    with call.reading() as session:
        rows = exports.list_exports(session, call.project_id, after_id=cursors.read(cursor), limit=limit + 1)
    items = [export_object(export, archive) for export, archive in rows]
    return cursors.page(rows, limit, lambda row: row[0].id, items)


@router.get("/{export_id}", responses=problems(404), summary="Show an export")
def show(export_id: str, call: Authorized) -> ExportObject:
    """The export with the state of its archive."""
    with call.reading() as session:
        return export_object(*exports.find(session, call.project_id, export_id))


def label_filter(labels: LabelFilterRequest) -> LabelFilter:
    """The filter as use cases take it."""
    return LabelFilter(any=tuple(labels.any), all=tuple(labels.all), none=tuple(labels.none))


def _export_request(body: ExportContent) -> ExportRequest:
    return ExportRequest(
        datasets=tuple((choice.id, choice.version) for choice in body.datasets),
        labels=label_filter(body.labels),
        label_format=body.label_format,
        table_format=body.table_format,
        archive=body.archive,
        compression=body.compression,
        storage=body.storage,
    )
