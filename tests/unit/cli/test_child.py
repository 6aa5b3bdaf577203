"""A supervised process: restarted with pauses, not restarted when it keeps dying, stopped with everything it started."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from datacenter.cli.embedded import child as child_module
from datacenter.cli.embedded.centre import Tail
from datacenter.cli.embedded.child import Child


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "child.log"


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def eventually(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and ") Z " not in status.read_text()


def test_a_stopped_process_had_the_time_to_end_by_itself(log):
    program = "import signal, sys, time; signal.signal(15, lambda *_: (print('bye', flush=True), sys.exit())); print('up', flush=True); time.sleep(60)"
    child = Child("one", python(program), log)
    child.start()
    eventually(lambda: "up" in log.read_text())

    child.stop(10, lambda: False)

    assert child.last_lines(2) == ["up", "bye"]


def test_a_process_that_will_not_end_is_killed_with_what_it_started(log):
    program = (
        "import signal, subprocess, sys, time; signal.signal(15, signal.SIG_IGN);"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print(p.pid, flush=True); time.sleep(60)"
    )
    child = Child("one", python(program), log)
    child.start()
    eventually(lambda: log.read_text().strip())
    grandchild = int(log.read_text())

    child.stop(0.1, lambda: False)

    eventually(lambda: not is_alive(grandchild))


def test_impatience_kills_at_once(log):
    child = Child(
        "one",
        python(
            "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
        ),
        log,
    )
    child.start()
    eventually(lambda: log.read_text())
    began = time.monotonic()

    child.stop(60, lambda: True)

    assert time.monotonic() - began < 5


def test_a_death_is_told_once_and_followed_by_a_growing_pause(log, monkeypatch):
    monkeypatch.setattr(child_module, "BACKOFF_SECONDS", 0.01)
    child = Child("one", python("raise SystemExit(7)"), log)
    statuses = []
    for _ in range(child_module.DEATHS):
        assert not child.keeps_dying()
        child.start()
        eventually(lambda: (status := child.died()) is not None and statuses.append(status) is None)
        assert child.died() is None
        eventually(child.due)

    assert statuses == [7] * child_module.DEATHS
    assert child.keeps_dying()


def test_what_a_dead_process_left_running_is_killed(log):
    program = "import os, subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); print(p.pid, flush=True); os._exit(1)"
    child = Child("one", python(program), log)
    child.start()

    eventually(lambda: child.died() == 1)

    grandchild = int(log.read_text())
    eventually(lambda: not is_alive(grandchild))


@pytest.mark.skipif(sys.platform != "linux", reason="the tie to the parent is Linux's")
def test_a_process_ends_when_whoever_started_it_is_killed(log, tmp_path):
    pid_file = tmp_path / "pid"
    program = f"""
import os, pathlib, signal
from datacenter.cli.embedded.child import Child
child = Child("one", ["sleep", "60"], pathlib.Path({str(log)!r}))
child.start()
pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run(python(program), check=False, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})

    eventually(lambda: not is_alive(int(pid_file.read_text())))


def test_a_tail_gives_whole_lines_once(tmp_path):
    path = tmp_path / "log"
    path.write_text("before\n")
    tail = Tail(path)
    with path.open("a") as file:
        file.write("one\ntw")
        file.flush()
        assert list(tail.lines()) == ["one"]
        file.write("o\n")
        file.flush()
        assert list(tail.lines()) == ["two"]
    path.write_text("anew\n")
    assert list(tail.lines()) == ["anew"]
