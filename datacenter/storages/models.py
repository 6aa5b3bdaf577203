"""The table of storages that were registered by request."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from datacenter.database import Base, UtcDateTime
from datacenter.settings import Role


class RegisteredStorage(Base):
    """A storage that was registered by request; those of the settings file have no row."""

    __tablename__ = "storages"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    url: Mapped[str] = mapped_column(String(1024))
    role: Mapped[Role] = mapped_column(String(16))
    options: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Secret ones are there with the value `***`, so that they can be shown without any key."""
    secrets: Mapped[str | None] = mapped_column(Text)
    """The secret options as JSON in one Fernet token; None when there are none."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
