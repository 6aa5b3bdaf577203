"""The project whose rows a list shows: the caller's own, or for an operator any or all."""

from sqlalchemy.orm import Session

from datacenter.access.projects import find_project
from datacenter.errors import Forbidden
from datacenter.web.calls import Call


def listed_project(session: Session, call: Call, project: str | None) -> str | None:
    """The id of the project; None for all. `project` is an id or a name, as requested. Raises: NotFound, Forbidden."""
    if not call.principal.operator:
        if project not in (None, call.project_id, call.principal.project_name):
            raise Forbidden("project: only an operator sees other projects; leave it out")
        return call.project_id
    return None if project is None else find_project(session, project).id
