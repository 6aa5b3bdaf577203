"""Versions of a dataset, and label changes, which make new versions."""

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from datacenter.datasets import labelling, records
from datacenter.datasets.labelling import FileSelection
from datacenter.datasets.models import DatasetVersion
from datacenter.errors import Invalid
from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import API, Authorized, CallOutcome, Changing, Keep
from datacenter.web.objects import version_object
from datacenter.web.openapi import problems
from datacenter.web.pages import DEFAULT_ITEMS, Cursors, CursorText, Limit
from datacenter.web.schemas.base import Page
from datacenter.web.schemas.datasets import LabelChange, SelectionRequest, VersionObject

router = APIRouter(prefix=f"{API}/datasets/{{dataset_id}}", tags=["datasets"], route_class=AuthRoute)


@router.get(
    "/versions", operation_id="dataset_versions_list_all", responses=problems(404), summary="List versions"
)
def list_all(
    dataset_id: str, call: Authorized, limit: Limit = DEFAULT_ITEMS, cursor: CursorText = None
) -> Page[VersionObject]:
    """Newest first."""
    cursors = Cursors(secret=call.secret, list_name=f"versions/{dataset_id}")
    after = cursors.read(cursor)
    with call.reading() as session:
        rows = records.list_versions(
            session,
            call.project_id,
            dataset_id,
            after_version=int(after) if after else None,
            limit=limit + 1,
        )
    return cursors.page(rows, limit, lambda row: str(row.version), [version_object(row) for row in rows])


@router.post(
    "/labels",
    operation_id="dataset_labels_change",
    response_model=VersionObject,
    responses=problems(404, 409, 413),
    summary="Label files",
)
def label(dataset_id: str, body: LabelChange, call: Changing) -> Response:
    """Add and remove labels on the selected files. Returns the new version; older versions do not change.

    If the selection is empty, nothing changes, and the newest version is returned.
    """
    both = set(body.add) & set(body.remove)
    if both:
        raise Invalid(f"remove: {min(both)!r} is also in add", field="remove")

    def work(keep: Keep) -> CallOutcome:
        def also(session: Session, made: DatasetVersion) -> None:
            keep(session, _outcome(made))

        made = labelling.relabel(
            call.resources,
            call.project_id,
            dataset_id,
            select=_selection(body.select),
            add=tuple(body.add),
            remove=tuple(body.remove),
            also=also,
        )
        return _outcome(made)

    return call.perform(work)


def _outcome(made: DatasetVersion) -> CallOutcome:
    return CallOutcome(status=200, body=version_object(made))


def _selection(select: SelectionRequest) -> FileSelection:
    return FileSelection(
        paths=tuple(select.paths) if select.paths is not None else None,
        labels=tuple(select.labels) if select.labels is not None else None,
        prefix=select.prefix,
    )
