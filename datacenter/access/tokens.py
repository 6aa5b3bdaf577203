"""API tokens: shown once, stored as a hash, looked up at every request so that a revoked one stops at once."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from datacenter.access.models import Project, Token
from datacenter.database.engine import is_duplicate, new_id, now
from datacenter.errors import NotFound, Unauthenticated

PREFIX = "dc_"
"""Lets scanners for leaked secrets recognise a token."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The authenticated caller: a token that acts for one project."""

    project_id: str
    project_name: str
    token_id: str


def authenticate(session: Session, secret: str) -> Caller:
    """The caller that a token identifies. The refusal is the same for an unknown, altered or revoked token.

    Raises:
        Unauthenticated
    """
    query = (
        select(Token.id, Project.id, Project.name)
        .join(Project, Project.id == Token.project_id)
        .where(Token.sha256 == _hash(secret), Token.revoked_at.is_(None))
    )
    row = session.execute(query).one_or_none()
    if row is None:
        raise Unauthenticated("invalid token")
    token_id, project_id, project_name = row
    return Caller(project_id=project_id, project_name=project_name, token_id=token_id)


def create_token(session: Session, project_id: str, name: str) -> tuple[Token, str]:
    """A new token and its secret, which cannot be read again."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token = Token(project_id=project_id, name=name, sha256=_hash(secret), created_at=now(session))
    session.add(token)
    session.flush()
    return token, secret


def is_valid(session: Session, token_id: str) -> bool:
    """Whether the token of an earlier authentication is still valid."""
    query = select(Token.id).where(Token.id == token_id, Token.revoked_at.is_(None))
    return session.execute(query).first() is not None


def list_tokens(session: Session) -> Sequence[tuple[Token, str]]:
    """Every token of the installation with its project's name, oldest first."""
    query = select(Token, Project.name).join(Project, Project.id == Token.project_id).order_by(Token.id)
    return [(token, project_name) for token, project_name in session.execute(query)]


def revoke(session: Session, token_id: str) -> Token:
    """End a token; revoking it again changes nothing.

    Raises:
        NotFound
    """
    token = session.get(Token, token_id)
    if token is None:
        raise NotFound(f"there is no token {token_id}")
    if token.revoked_at is None:
        token.revoked_at = now(session)
    return token


def ensure_project(session: Session, name: str) -> Project:
    """The project of this name, created if missing; safe when two processes start at once."""
    by_name = select(Project).where(Project.name == name)
    project = session.scalars(by_name).one_or_none()
    if project is None:
        row = {"id": new_id(), "name": name, "created_at": now(session)}
        try:
            session.execute(insert(Project).values(row))
        except IntegrityError as error:
            if not is_duplicate(error):
                raise
        project = session.scalars(by_name).one()
    return project


def _hash(secret: str) -> str:
    # A token holds 256 random bits, so a fast hash is as hard to reverse as a slow one.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
