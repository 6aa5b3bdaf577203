"""How a command can fail: in one or two lines that say what, why and the cure, and with its exit code."""

from enum import IntEnum
from typing import ClassVar


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
