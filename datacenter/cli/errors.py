"""How a command can fail: with a message, a cure and an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from datacenter.settings.model import DatabaseSettings


class ExitCode(IntEnum):
    """What programs that call the CLI can rely on."""

    DONE = 0
    FAILED = 1
    WRONG_USE = 2
    UNREACHABLE = 3
    INTERRUPTED = 130
    """What a shell expects of a program that Ctrl-C ended."""


class CommandFailed(Exception):
    """The work was started and failed."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, what: str, *, cure: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure


class WrongUse(CommandFailed):
    """The command cannot be carried out as it was given."""

    exit_code = ExitCode.WRONG_USE


class Interrupted(CommandFailed):
    """The user pressed Ctrl-C; the message says what continues and how to return to it."""

    exit_code = ExitCode.INTERRUPTED


@contextmanager
def database_errors(settings: "DatabaseSettings") -> Iterator[None]:
    """Raises: WrongUse, for any error of the database or its driver; the message holds no password."""
    # Imported here because commands that need no database do not pay for loading it.
    from sqlalchemy.exc import SQLAlchemyError

    from datacenter.database.diagnosis import trouble_of

    try:
        yield
    except SQLAlchemyError as error:
        raise WrongUse(str(trouble_of(error, settings.url))) from error
