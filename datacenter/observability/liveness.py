"""Liveness: a process' loop gives a sign of life every few seconds; the age of the last sign shows whether it hangs.

The sign is a file, so a probe needs only the directory of the process. The time is written in the file, from the
monotonic clock, which cannot be set and which all processes of a machine share.
"""

import time
from enum import StrEnum
from pathlib import Path

import structlog

from datacenter.errors import DataCentreError, SettingsInvalid
from datacenter.settings.model import HealthSettings

log = structlog.get_logger(__name__)
SIGNS = 6
"""Signs within `stale_seconds`, so that a few may be late."""
MAX_PAUSE_SECONDS = 10.0


class NoSignOfLife(DataCentreError):
    """The loop has given no sign of life yet, or its last one is too old."""

    code = "NO_SIGN_OF_LIFE"
    cure = "Restart the process; its log shows what it was doing."


class Role(StrEnum):
    """A process with a loop, and the name of its file."""

    WORKER = "worker"
    SCHEDULER = "scheduler"


class SignOfLife:
    """The sign of one process; does nothing if no directory is set."""

    def __init__(self, settings: HealthSettings, role: Role) -> None:
        """Raises: SettingsInvalid, when the directory is not writable."""
        self._file = _file(settings, role)
        self.pause_seconds = min(MAX_PAUSE_SECONDS, settings.stale_seconds / SIGNS)
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.unlink(missing_ok=True)  # from an earlier process
            self._write(self._file)
        except OSError as error:
            raise SettingsInvalid(
                f"health.directory: cannot write to {settings.directory}: {error.strerror}"
            ) from error

    def give(self) -> None:
        """Report that the loop runs. Called by the loop itself: a thread would still report while the loop hangs."""
        if self._file is None:
            return
        try:
            self._write(self._file)
        except OSError as error:
            # The missing sign reports a full disk; the error must not end the loop.
            log.warning("the sign of life could not be written", file=str(self._file), reason=error.strerror)

    def end(self) -> None:
        """Remove the sign: a process that has ended in order is not alive."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)

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
        raise NoSignOfLife(f"the sign of life {file} is older than the last boot of this machine")
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
