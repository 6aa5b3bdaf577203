"""Owners of storages: which project may use which storage, and by which key the service knows it.

A storage is shared, or it belongs to one project. A *name* is what people write and see; two projects may use the same.
A *key* is what rows, jobs and metrics have: the name of a shared storage, or the name of a project's own storage with the
end of the project's id. Only this module makes one from the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from datacenter.access.models import Project
from datacenter.access.projects import find_project
from datacenter.errors import Invalid, NotFound
from datacenter.settings.model import StorageSettings
from datacenter.storages.opener import Storages
from datacenter.storages.rows import RegisteredStorage, registered_rows, registration_of

SEPARATOR = "@"
"""No name has it."""
SUFFIX_CHARACTERS = 12
MAX_OWN_NAME = 64 - len(SEPARATOR) - SUFFIX_CHARACTERS


@dataclass(frozen=True, kw_only=True)
class KnownStorage:
    """A storage as one project knows it."""

    key: str
    shown: StorageSettings
    shared: bool
    row: RegisteredStorage | None = None
    """None for a storage of the settings file."""

    @property
    def name(self) -> str:
        return shown_name(self.key)


def own_key(project_id: str, name: str) -> str:
    """The key of a project's own storage."""
    return f"{name}{SEPARATOR}{project_id.replace('-', '')[-SUFFIX_CHARACTERS:]}"


def shown_name(key: str) -> str:
    """The name that people see."""
    return key.partition(SEPARATOR)[0]


def resolve(
    session: Session, storages: Storages, project_id: str, name: str | None, *, field: str = "storage"
) -> str:
    """The key of the storage that a project means by a name; of the default storage for None.

    Raises: Invalid, for a storage that the project may not use as for one that does not exist.
    """
    found = find(session, storages, project_id, storages.default_name if name is None else name)
    if found is None:
        names = ", ".join(sorted(known.name for known in known_to(session, storages, project_id))) or "none"
        raise Invalid(f"{field}: there is none named {name!r}; registered are: {names}", field=field)
    return found.key


def find(session: Session, storages: Storages, project_id: str, name: str) -> KnownStorage | None:
    """The storage that a project means by a name: its own before a shared one. None if it knows none."""
    if SEPARATOR in name:
        return None
    own = session.get(RegisteredStorage, own_key(project_id, name))
    if own is not None:
        return known_row(own)
    if storages.is_fixed(name):
        fixed = KnownStorage(key=name, shown=storages.describe(name), shared=True)
        return fixed if _admits(session, fixed, project_id) else None
    row = session.get(RegisteredStorage, name)
    return None if row is None or not may_use(row, project_id) else known_row(row)


def is_ambiguous(session: Session, storages: Storages, project_id: str, name: str) -> bool:
    """Whether a project has a storage of its own with the name of a shared one that it may use."""
    shared = session.get(RegisteredStorage, name)
    is_shared = storages.is_fixed(name) or (shared is not None and may_use(shared, project_id))
    return is_shared and session.get(RegisteredStorage, own_key(project_id, name)) is not None


def known_to(
    session: Session, storages: Storages, project_id: str, *, all_shared: bool = False
) -> list[KnownStorage]:
    """Every storage that a project may use, by name; `all_shared`: also those shared with others, for an operator."""
    found: dict[str, KnownStorage] = {}
    rows = registered_rows(session).values()
    for row in rows:
        if row.project_id is None and (all_shared or may_use(row, project_id)):
            found[row.name] = known_row(row)
    for name in storages.fixed_names():
        fixed = KnownStorage(key=name, shown=storages.describe(name), shared=True)
        if all_shared or _admits(session, fixed, project_id):
            found[name] = fixed
    found |= {shown_name(row.name): known_row(row) for row in rows if row.project_id == project_id}
    return [found[name] for name in sorted(found)]


def may_use(row: RegisteredStorage, project_id: str) -> bool:
    """Whether a project may use a registered storage."""
    if row.project_id is not None:
        return row.project_id == project_id
    return row.shared_with is None or project_id in row.shared_with


def is_usable(session: Session, storages: Storages, key: str, project_id: str) -> bool:
    """Whether a project may still use a storage, which was shared with it when its job was submitted."""
    if storages.is_fixed(key):
        return _admits(session, KnownStorage(key=key, shown=storages.describe(key), shared=True), project_id)
    row = session.get(RegisteredStorage, key)
    return row is None or may_use(row, project_id)


def ids_of(session: Session, names: Iterable[str]) -> list[str]:
    """The ids of projects. Raises: Invalid, naming the one that does not exist."""
    ids = []
    for name in names:
        try:
            ids.append(find_project(session, name).id)
        except NotFound as error:
            raise Invalid(f"projects: {error.detail}", field="projects") from error
    return sorted(set(ids))


def known_row(row: RegisteredStorage) -> KnownStorage:
    """A registered storage as those know it that may use it."""
    return KnownStorage(
        key=row.name, shown=registration_of(row).shown, shared=row.project_id is None, row=row
    )


def _admits(session: Session, fixed: KnownStorage, project_id: str) -> bool:
    """Whether the settings file shares a storage with a project; its projects are names there."""
    if not fixed.shown.projects:
        return True
    project = session.get(Project, project_id)
    return project is not None and project.name in fixed.shown.projects
