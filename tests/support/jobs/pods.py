"""Worker pods: real `datacenter-worker` processes of a test's own beside a running data centre."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from datacenter.ledger.states import JobKind

PATIENCE_SECONDS = 90
POLL_SECONDS = 0.02


class Pod:
    """One worker in a session of its own, as in a container; its output is in `log`."""

    def __init__(
        self,
        environment: Mapping[str, str],
        log: Path,
        *,
        queues: str = ",".join(JobKind),
        concurrency: int = 1,
        module: str = "jobs.worker",
    ) -> None:
        self.log = log
        command = [sys.executable, "-m", module, "--queues", queues, "--concurrency", str(concurrency)]
        with log.open("ab") as file:
            self._process = subprocess.Popen(
                command, env=environment, stdout=file, stderr=file, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def children(self) -> list[int]:
        """The processes that do the work."""
        try:
            text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        except OSError:
            return []
        return [int(child) for child in text.split()]

    def until_listening(self) -> None:
        """Wait until it has a handler for SIGTERM: before that the signal would kill it."""
        self._until(lambda: self._catches(signal.SIGTERM), "it never had a handler for SIGTERM")

    def until_working(self, count: int = 1) -> None:
        """Wait until its children run and ignore SIGTERM."""
        self._until(
            lambda: len(self.children()) >= count and all(map(_ignores_sigterm, self.children())),
            "it never had its children",
        )

    def send_signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        os.kill(self.pid, number)

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def exit_code(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Its exit code; waits for the end."""
        return self._process.wait(seconds)

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """Kill the worker and its children."""
        if not self.has_ended():
            os.killpg(self.pid, signal.SIGKILL)
            self._process.wait()

    def _catches(self, number: signal.Signals) -> bool:
        return _has_signal(self.pid, "SigCgt", number)

    def _until(self, condition, what: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert not self.has_ended(), f"it exited early:\n{self.output()}"
            assert time.monotonic() < end, f"{what}:\n{self.output()}"
            time.sleep(POLL_SECONDS)


def environment_of(pid: int) -> dict[str, str]:
    """The environment of a process."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.partition("=")[::2] for pair in pairs if pair)


@contextmanager
def without_its_own_worker(worker: int) -> Iterator[dict[str, str]]:
    """Stop (SIGSTOP) a data centre's `up` and end its worker, so that only pods work; yields the environment for them."""
    environment = environment_of(worker)
    supervisor = int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(supervisor, signal.SIGSTOP)
    try:
        os.kill(worker, signal.SIGTERM)
        end = time.monotonic() + PATIENCE_SECONDS
        while _state(worker) != "Z":
            assert time.monotonic() < end, "the worker did not end"
            time.sleep(POLL_SECONDS)
        yield environment
    finally:
        os.kill(supervisor, signal.SIGCONT)


def _ignores_sigterm(pid: int) -> bool:
    return _has_signal(pid, "SigIgn", signal.SIGTERM)


def _has_signal(pid: int, kind: str, number: signal.Signals) -> bool:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    mask = next((line.split()[1] for line in lines if line.startswith(f"{kind}:")), "0")
    return bool(int(mask, 16) & 1 << (number - 1))


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
