"""The tables of storages that were registered by request, and of the places that are or were platforms."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from datacenter.database.engine import Base, UtcDateTime
from datacenter.settings.model import Role, StorageSettings


class RegisteredStorage(Base):
    """A storage that was registered by request; those of the settings file have no row."""

    __tablename__ = "storages"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    url: Mapped[str] = mapped_column(String(1024))
    role: Mapped[Role] = mapped_column(String(16))
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Secret options have the value `***`, so that the options can be shown without a key."""
    secrets: Mapped[str | None] = mapped_column(Text)
    """The secret options as JSON in one Fernet token; None if there are none."""
    project_id: Mapped[str | None] = mapped_column(String(36))
    """The project that owns it; None: an operator made it, and it is shared."""
    shared_with: Mapped[list[str] | None] = mapped_column(JSON)
    """The ids of the projects that may use a shared storage; None: all."""
    created_by: Mapped[str | None] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PlatformPlace(Base):
    """A place that is or was a platform: no source may ever read its `datasets/`, `uploads/` and `archives/`."""

    __tablename__ = "platform_places"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    """Of `place`, which is too long for a key."""
    place: Mapped[str] = mapped_column(Text)
    """In its canonical form."""
    storage: Mapped[str] = mapped_column(String(64))
    """The name under which it was first a platform, for the operator."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, kw_only=True)
class Registration:
    """A storage's registration: `shown` has `***` for its secrets, which are stored encrypted in `secrets`."""

    shown: StorageSettings
    secrets: str | None = None


def registration_of(row: RegisteredStorage) -> Registration:
    """The registration in a row."""
    # A row was validated when it was written; validating it again would be expensive in the loops of the jobs.
    shown = StorageSettings.model_construct(
        kind=row.kind, url=row.url, role=row.role, options=dict(row.options)
    )
    return Registration(shown=shown, secrets=row.secrets)


def registered_rows(session: Session, *, locked: bool = False) -> dict[str, RegisteredStorage]:
    """All rows by name; `locked` blocks other registrations and changes until this transaction ends."""
    query = select(RegisteredStorage).order_by(RegisteredStorage.name)
    return {row.name: row for row in session.scalars(query.with_for_update() if locked else query)}
