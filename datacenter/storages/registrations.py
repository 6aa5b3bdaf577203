"""Registrations: the rows of registered storages as the rest of the code reads them."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from datacenter.settings import StorageSettings
from datacenter.storages.models import RegisteredStorage


@dataclass(frozen=True, kw_only=True)
class Registration:
    """How a storage was registered: `shown` has `***` for its secrets, which lie sealed beside it."""

    shown: StorageSettings
    sealed: str | None = None


def registration_of(row: RegisteredStorage) -> Registration:
    """What a row says."""
    # A row holds what was checked when it was written; to check it again would be dear in the loops of the jobs.
    shown = StorageSettings.model_construct(
        kind=row.kind, url=row.url, role=row.role, options=dict(row.options)
    )
    return Registration(shown=shown, sealed=row.secrets)


def registered_rows(session: Session, *, locked: bool = False) -> dict[str, RegisteredStorage]:
    """Every row by name; locked, nobody registers or changes another one before this transaction ends."""
    query = select(RegisteredStorage).order_by(RegisteredStorage.name)
    return {row.name: row for row in session.scalars(query.with_for_update() if locked else query)}
