"""One process of the embedded data centre, in a session of its own, which ends with its parent."""

import ctypes
import math
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
LOG_BYTES = 16 << 20
BACKOFF_SECONDS = 0.5
BACKOFF_CEILING_SECONDS = 10.0
DEATHS = 5
DEATHS_WITHIN_SECONDS = 60.0
TAIL_BYTES = 8192


class Child:
    """A process that can be restarted when it dies.

    Its own session shields it from the terminal's Ctrl-C, and puts everything that it starts into one process group,
    which is killed when it ends.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._deaths: deque[float] = deque(maxlen=DEATHS)
        self._start_at = math.inf

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process; its output is appended to its log."""
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_tied_to(os.getpid()),  # safe: `up` has one thread
            )

    def died(self) -> int | None:
        """The exit status, once, if it died since its start; the rest of its process group is killed."""
        if self._process is None or not _is_dead(self._process.pid):
            return None
        # The dead process still holds its id, so the system cannot have given it to another group.
        _signal_group(self._process.pid, signal.SIGKILL)
        status = self._process.wait()
        self._process = None
        now = time.monotonic()
        self._deaths.append(now)
        recent = sum(now - death < DEATHS_WITHIN_SECONDS for death in self._deaths)
        self._start_at = now + min(BACKOFF_CEILING_SECONDS, BACKOFF_SECONDS * 2 ** (recent - 1))
        return status

    def keeps_dying(self) -> bool:
        """Whether it died so often in so short a time that another restart is useless."""
        return len(self._deaths) == DEATHS and time.monotonic() - self._deaths[0] < DEATHS_WITHIN_SECONDS

    def due(self) -> bool:
        """Whether it died and its pause is over."""
        return self._process is None and time.monotonic() >= self._start_at

    def stop(self, patience_seconds: float, hurried: Callable[[], bool]) -> None:
        """Send SIGTERM, wait, and kill the rest of its group after `patience_seconds`, or at once if `hurried`."""
        if self._process is None:
            return
        pid = self._process.pid
        end = time.monotonic() + patience_seconds
        _signal(pid, signal.SIGTERM)
        while not _is_dead(pid) and time.monotonic() < end and not hurried():
            time.sleep(0.02)
        _signal_group(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def last_lines(self, count: int) -> list[str]:
        """The end of its log."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()[-count:]


def _is_dead(pid: int) -> bool:
    """Whether a child of ours has ended; it is left unreaped."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
        return


def _tied_to(parent: int) -> Callable[[], None]:
    """Runs in the new process: on Linux it gets SIGTERM as soon as its parent ends, even by kill -9."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def tie() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)  # the parent was gone before the tie was made

    return tie
