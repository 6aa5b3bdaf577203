"""Commands that work on the database itself: a refusal of the database is told in words."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from datacenter.cli.errors import CommandFailed
from datacenter.settings import DatabaseSettings


@contextmanager
def told_in_words(settings: DatabaseSettings) -> Iterator[None]:
    """Raises: CommandFailed, for whatever the database or its driver refuses; no password is in it."""
    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise CommandFailed(
            f"the database cannot be used: {reason}",
            cure=f"is database.url right? It begins with {settings.url.split(':', 1)[0]}",
        ) from error
