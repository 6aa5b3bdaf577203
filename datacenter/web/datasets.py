"""Datasets: import, list, show, change, delete, restore."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from datacenter.datasets import deletion, records
from datacenter.datasets.models import DatasetState
from datacenter.datasets.records import NewDataset
from datacenter.ledger.options import JobOptions
from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import API, Authorized, CallOutcome, Changing, IdempotencyHeader, started
from datacenter.web.objects import dataset_object, dataset_objects, job_object
from datacenter.web.openapi import problems
from datacenter.web.pages import DEFAULT_ITEMS, Cursors, CursorText, Limit
from datacenter.web.schemas.base import Page
from datacenter.web.schemas.datasets import (
    DatasetChange,
    DatasetContent,
    DatasetObject,
    DatasetStarted,
    NewDatasetRequest,
)
from datacenter.web.schemas.jobs import JobStarted

MAX_GRACE_SECONDS = 90 * 24 * 3600
router = APIRouter(prefix=f"{API}/datasets", tags=["datasets"], route_class=AuthRoute)


@router.post(
    "",
    status_code=202,
    response_model=DatasetStarted,
    responses=problems(404, 409, 413),
    summary="Import a dataset",
)
def create(body: NewDatasetRequest, call: Changing) -> Response:
    """The dataset exists at once, in state IMPORTING; the job fills it."""
    source = body.source.model_dump(exclude_none=True)
    new = _of_content(body, source=source, label_column=body.label_column)

    def change(session: Session) -> CallOutcome:
        dataset, job = records.create(session, call.resources, call.project_id, new, body.job_options())
        answer = DatasetStarted(
            dataset=dataset_object(session, call, dataset), job=job_object(session, call, job)
        )
        return started(answer, job, object_id=dataset.id)

    return call.commit(change)


@router.post(
    "/preview", status_code=204, response_class=Response, responses=problems(409), summary="Preview an import"
)
def preview(body: DatasetContent, call: Authorized, _: IdempotencyHeader = None) -> Response:
    """Check an import before its archive is uploaded: same errors as the import itself. Changes nothing."""
    with call.reading() as session:
        records.check_new(session, call.resources, call.project_id, _of_content(body, source={}))
    return Response(status_code=204)


@router.get("", summary="List datasets")
def list_all(
    call: Authorized,
    q: Annotated[str | None, Query(max_length=255, description="Part of the name.")] = None,
    label: Annotated[
        str | None, Query(max_length=255, description="Only datasets that have files with this label.")
    ] = None,
    tag: Annotated[str | None, Query(max_length=255)] = None,
    state: DatasetState | None = None,
    limit: Limit = DEFAULT_ITEMS,
    cursor: CursorText = None,
) -> Page[DatasetObject]:
    """Newest first. `state=DELETING` lists the datasets that can still be restored; no other call shows them."""
    cursors = Cursors(secret=call.secret, list_name="datasets")
    with call.reading() as session:
        rows = records.list_datasets(
            session,
            call.project_id,
            q=q,
            label=label,
            tag=tag,
            state=state,
            after_id=cursors.read(cursor),
            limit=limit + 1,
        )
        items = dataset_objects(session, call, rows[:limit])
    return cursors.page(rows, limit, lambda row: row.id, items)


@router.get("/{dataset_id}", responses=problems(404), summary="Show a dataset")
def show(dataset_id: str, call: Authorized) -> DatasetObject:
    """The dataset in its newest version."""
    with call.reading() as session:
        return dataset_object(session, call, records.find(session, call.project_id, dataset_id))


@router.patch(
    "/{dataset_id}", response_model=DatasetObject, responses=problems(404, 409), summary="Change a dataset"
)
def change_record(dataset_id: str, body: DatasetChange, call: Changing) -> Response:
    """Change name, description or tags; the files stay as they are."""

    def change(session: Session) -> CallOutcome:
        row = records.update(
            session,
            call.project_id,
            dataset_id,
            name=body.name,
            description=body.description,
            tags=tuple(body.tags) if body.tags is not None else None,
        )
        return CallOutcome(status=200, body=dataset_object(session, call, row))

    return call.commit(change)


@router.delete(
    "/{dataset_id}",
    status_code=202,
    response_model=JobStarted,
    responses=problems(404),
    summary="Delete a dataset",
)
def delete(
    dataset_id: str,
    call: Changing,
    grace_seconds: Annotated[
        int,
        Query(ge=0, le=MAX_GRACE_SECONDS, description="For how many seconds the dataset can be restored."),
    ] = 0,
) -> Response:
    """From now on the dataset is 404 and its name is free; workers remove the files."""
    grace = timedelta(seconds=grace_seconds)

    def change(session: Session) -> CallOutcome:
        job = deletion.delete(
            session, call.resources, call.project_id, dataset_id, grace=grace, options=JobOptions()
        )
        return started(JobStarted(job=job_object(session, call, job)), job)

    return call.commit(change)


@router.post(
    "/{dataset_id}/restore",
    response_model=DatasetObject,
    responses=problems(404, 409),
    summary="Restore a deleted dataset",
)
def restore(dataset_id: str, call: Changing) -> Response:
    """Possible until the grace period of the delete ends."""

    def change(session: Session) -> CallOutcome:
        row = deletion.restore(session, call.project_id, dataset_id)
        return CallOutcome(status=200, body=dataset_object(session, call, row))

    return call.commit(change)


def _of_content(
    body: DatasetContent, *, source: dict[str, Any], label_column: str | None = None
) -> NewDataset:
    return NewDataset(
        name=body.name,
        storage=body.storage,
        source=source,
        label_format=body.label_format,
        name_encoding=body.name_encoding,
        label_column=label_column,
        description=body.description,
        tags=tuple(body.tags),
    )
