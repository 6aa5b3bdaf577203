"""Projects: the owners of datasets, jobs, tokens and storages; an operator creates them and sets their weights."""

from collections.abc import Sequence
from contextlib import suppress

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from datacenter.access.models import Project
from datacenter.database.engine import is_duplicate, new_id, now
from datacenter.errors import NameTaken, NotFound

MAX_WEIGHT = 100


def ensure_project(session: Session, name: str) -> Project:
    """The project of this name, created if missing; safe when two processes start at once."""
    by_name = select(Project).where(Project.name == name)
    project = session.scalars(by_name).one_or_none()
    if project is None:
        with suppress(NameTaken):  # another process was faster
            _insert(session, name, 1)
        project = session.scalars(by_name).one()
    return project


def create_project(session: Session, name: str, weight: int) -> Project:
    """A new project. Raises: NameTaken."""
    project_id = _insert(session, name, weight)
    return session.get_one(Project, project_id)


def _insert(session: Session, name: str, weight: int) -> str:
    row = {"id": new_id(), "name": name, "weight": weight, "created_at": now(session)}
    try:
        session.execute(insert(Project).values(row))
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise NameTaken(f"name: a project {name!r} already exists; choose another name") from error
    return str(row["id"])


def find_project(session: Session, id_or_name: str) -> Project:
    """The project with this id, else with this name. Raises: NotFound."""
    by_name = select(Project).where(Project.name == id_or_name)
    project = session.get(Project, id_or_name) or session.scalars(by_name).one_or_none()
    if project is None:
        raise NotFound(f"there is no project {id_or_name}")
    return project


def change_project(session: Session, project: Project, *, name: str | None, weight: int | None) -> None:
    """Change what is not None. Raises: NameTaken."""
    if weight is not None:
        project.weight = weight
    if name is not None:
        project.name = name
    try:
        session.flush()
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise NameTaken(f"name: a project {name!r} already exists; choose another name") from error


def list_projects(
    session: Session, *, after_id: str | None = None, limit: int | None = None
) -> Sequence[Project]:
    """All projects, oldest first."""
    query = select(Project).order_by(Project.id)
    if after_id is not None:
        query = query.where(Project.id > after_id)
    return session.scalars(query if limit is None else query.limit(limit)).all()
