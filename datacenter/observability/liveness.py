"""Liveness: a sign of life that a process' loop gives every few seconds, and how long ago it gave the last one.

The sign is a file, so that whoever asks needs nothing of the process but its directory. What counts is the time
written in it, of a clock that nobody sets and that all processes of a machine share.
"""

import time
from enum import StrEnum
from pathlib import Path

import structlog

from datacenter.errors import DataCentreError, SettingsInvalid
from datacenter.settings.model import HealthSettings

log = structlog.get_logger(__name__)
SIGNS = 6
"""Given within `stale_seconds`, so that a few may be late."""
MAX_PAUSE_SECONDS = 10.0


class NoSignOfLife(DataCentreError):
    """The loop has given no sign of life, or none for too long."""

    code = "NO_SIGN_OF_LIFE"
    cure = "Restart the process; its log says what it was doing."


class Role(StrEnum):
    """A process with a loop, and the name of its file."""

    WORKER = "worker"
    SCHEDULER = "scheduler"


class SignOfLife:
    """The sign of one process; does nothing where no directory is set."""

    def __init__(self, settings: HealthSettings, role: Role) -> None:
        """Raises: SettingsInvalid, when nothing can be written to the directory."""
        self._file = _file(settings, role)
        self.pause_seconds = min(MAX_PAUSE_SECONDS, settings.stale_seconds / SIGNS)
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.unlink(missing_ok=True)  # of a process that was here before
            self._write(self._file)
        except OSError as error:
            raise SettingsInvalid(
                f"health.directory: nothing can be written to {settings.directory}: {error.strerror}"
            ) from error

    def give(self) -> None:
        """Say that the loop goes round. Called by the loop itself: a thread would go on when the loop hangs."""
        if self._file is None:
            return
        try:
            self._write(self._file)
        except OSError as error:
            # A full disk is told by the sign that is missing; it must not end the loop.
            log.warning("no sign of life could be given", file=str(self._file), reason=error.strerror)

    def _write(self, file: Path) -> None:
        fresh = file.with_name(f"{file.name}.new")
        fresh.write_text(f"{_now()!r}\n", encoding="ascii")
        fresh.replace(file)


def require_life(settings: HealthSettings, role: Role) -> float:
    """The age of the last sign in seconds. Raises: NoSignOfLife, with a sentence that names the cure."""
    file = _file(settings, role)
    if file is None:
        raise NoSignOfLife(
            f"health.directory is not set, so the {role} gives no sign of life; set DATACENTER__HEALTH__DIRECTORY"
        )
    try:
        age = _now() - float(file.read_text(encoding="ascii"))
    except FileNotFoundError:
        raise NoSignOfLife(f"the {role} has given no sign of life yet: there is no file {file}") from None
    except (OSError, ValueError) as error:
        raise NoSignOfLife(f"the sign of life {file} cannot be read: {type(error).__name__}") from error
    if age < 0:
        raise NoSignOfLife(f"the sign of life {file} is from before this machine was started")
    if age > settings.stale_seconds:
        raise NoSignOfLife(
            f"the loop of the {role} has given no sign of life for {age:.0f} s; health.stale_seconds is "
            f"{settings.stale_seconds:g}"
        )
    return age


def _file(settings: HealthSettings, role: Role) -> Path | None:
    return Path(settings.directory, role) if settings.directory else None


def _now() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC)
