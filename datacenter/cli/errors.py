"""How a command can fail: in one or two lines that say what, why and the cure, and with its exit code."""

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
    """The work was begun and could not be brought to its end."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, what: str, *, cure: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.cure = cure


class WrongUse(CommandFailed):
    """The command cannot be carried out as it was given."""

    exit_code = ExitCode.WRONG_USE


class Interrupted(CommandFailed):
    """The user pressed Ctrl-C; the message says what goes on and how to come back to it."""

    exit_code = ExitCode.INTERRUPTED


@contextmanager
def refusals_of_database(settings: "DatabaseSettings") -> Iterator[None]:
    """Raises: WrongUse, for anything the database or its driver refuses; the message holds no password."""
    # Imported here because commands that need no database do not pay for loading it.
    from sqlalchemy.exc import SQLAlchemyError

    from datacenter.database.diagnosis import trouble_of

    try:
        yield
    except SQLAlchemyError as error:
        raise WrongUse(str(trouble_of(error, settings.url))) from error
