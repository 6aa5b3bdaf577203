"""Projects, for the operators of the installation."""

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from datacenter.access.models import Project
from datacenter.access.projects import change_project, create_project, find_project, list_projects
from datacenter.access.roles import Role
from datacenter.access.tokens import create_token
from datacenter.web.auth_route import AuthRoute
from datacenter.web.calls import API, Authorized, CallOutcome, Changing
from datacenter.web.openapi import problems
from datacenter.web.pages import DEFAULT_ITEMS, Cursors, CursorText, Limit
from datacenter.web.schemas.access import (
    NewProjectObject,
    NewProjectRequest,
    ProjectChangeRequest,
    ProjectObject,
)
from datacenter.web.schemas.base import Page
from datacenter.web.tokens import new_token_object

router = APIRouter(prefix=f"{API}/projects", tags=["access"], route_class=AuthRoute)


@router.post(
    "", status_code=201, response_model=NewProjectObject, responses=problems(409), summary="Create a project"
)
def create(body: NewProjectRequest, call: Changing) -> Response:
    """Also creates the first token, for the administrator of the project; only this answer has its secret."""

    def change(session: Session) -> CallOutcome:
        project = create_project(session, body.name, body.weight)
        token, secret = create_token(session, project.id, "administrator", role=Role.ADMIN)
        token.created_by = call.principal.name
        answer = NewProjectObject(
            **project_object(project).model_dump(), token=new_token_object(token, project.name, secret)
        )
        location = f"{API}/projects/{project.id}"
        return CallOutcome(status=201, body=answer, location=location, once=("token", "secret"))

    return call.commit(change)


@router.get("", summary="List projects")
def list_all(
    call: Authorized, limit: Limit = DEFAULT_ITEMS, cursor: CursorText = None
) -> Page[ProjectObject]:
    """Oldest first."""
    cursors = Cursors(secret=call.secret, list_name="projects")
    with call.reading() as session:
        rows = list_projects(session, after_id=cursors.read(cursor), limit=limit + 1)
    return cursors.page(rows, limit, lambda row: row.id, [project_object(row) for row in rows])


@router.get("/{project}", responses=problems(404), summary="Show a project")
def show(project: str, call: Authorized) -> ProjectObject:
    """By id or name."""
    with call.reading() as session:
        return project_object(find_project(session, project))


@router.patch(
    "/{project}", response_model=ProjectObject, responses=problems(404, 409), summary="Change a project"
)
def change(project: str, body: ProjectChangeRequest, call: Changing) -> Response:
    """Change its name or weight."""

    def work(session: Session) -> CallOutcome:
        found = find_project(session, project)
        change_project(session, found, name=body.name, weight=body.weight)
        return CallOutcome(status=200, body=project_object(found))

    return call.commit(work)


def project_object(row: Project) -> ProjectObject:
    """A project as a response object."""
    return ProjectObject(id=row.id, name=row.name, weight=row.weight, created_at=row.created_at)
