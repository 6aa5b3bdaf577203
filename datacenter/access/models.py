"""The rows of projects, of the tokens that act for them, and of the audit."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, String, false
from sqlalchemy.orm import Mapped, mapped_column

from datacenter.database.engine import Base, UtcDateTime, new_id


class Project(Base):
    """Every dataset and job belongs to one project; other projects cannot see it."""

    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(128), unique=True)
    weight: Mapped[int] = mapped_column(Integer, default=1, server_default="1")
    """Its share of the workers while several projects wait; set by an operator."""
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Token(Base):
    """An API token: a subject with a role in one project. Only the SHA-256 of its secret is stored."""

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"))
    name: Mapped[str] = mapped_column(String(128))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str | None] = mapped_column(String(16))
    """A `Role`; None in rows of releases that had no roles: admin."""
    operator: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """Whether it may also administer the installation. No role implies it."""
    created_by: Mapped[str | None] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Written at most once a minute."""
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuditEntry(Base):
    """One change, or one refused request: who did what to which object, from where, and how it ended. Never changed."""

    __tablename__ = "audit"
    __table_args__ = (
        Index("audit_by_project", "project_id", "id"),
        Index("audit_by_time", "at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    project_id: Mapped[str | None] = mapped_column(String(36))
    """None: it concerns the installation, or the subject is unknown."""
    subject: Mapped[str | None] = mapped_column(String(160))
    """`token:<id>`; None for a refused secret."""
    who: Mapped[str] = mapped_column(String(128))
    """The subject's name for people."""
    address: Mapped[str | None] = mapped_column(String(64))
    """The client's IP address; None for a command in the database itself."""
    action: Mapped[str] = mapped_column(String(64))
    """The operation's id in the OpenAPI document: `datasets_create`."""
    object_kind: Mapped[str | None] = mapped_column(String(32))
    object_id: Mapped[str | None] = mapped_column(String(255))
    result: Mapped[str] = mapped_column(String(64))
    """`done`, or the code of the refusal."""
    request_id: Mapped[str | None] = mapped_column(String(128))
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSON)
