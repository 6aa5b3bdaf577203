"""`datacenter up`: comes up, looks after its processes, goes down without a trace, finds its data again."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from datacenter.cli.embedded.background import left_running, running
from datacenter.cli.embedded.child import Child
from datacenter.cli.embedded.home import Home
from datacenter.client import Client

UP = [sys.executable, "-m", "datacenter.cli", "up", "--port", "0"]


def eventually(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.05)


def exit_code(process: Child, seconds: float = 90) -> int:
    """How it ended; it has so long to do so."""
    end = time.monotonic() + seconds
    while (status := process.died()) is None:
        assert time.monotonic() < end, "it did not end in time"
        time.sleep(0.05)
    return status


def test_everything_in_the_home_is_private_and_the_web_layer_is_ready(centre):
    assert httpx.get(f"{centre.url}/readyz").is_success
    assert stat.S_IMODE(centre.home.stat().st_mode) == 0o700
    for name in ("token", "secret_key", "datacenter.db", "config.yaml"):
        path = centre.home / name
        assert not path.exists() or stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_up_on_the_same_home_is_refused_in_clear_words(centre):
    refused = subprocess.run([*UP, "--home", str(centre.home)], capture_output=True, text=True, check=False)

    assert refused.returncode == 2
    assert f"a data centre is already running in {centre.home} at {centre.url}" in refused.stderr
    assert httpx.get(f"{centre.url}/readyz").is_success


@pytest.mark.real
def test_processes_that_are_killed_are_started_again(own_centre):
    before = {name: own_centre.pid(name) for name in ("web", "worker", "scheduler")}

    for pid in before.values():
        os.kill(pid, signal.SIGKILL)

    eventually(lambda: all(own_centre.pid(name) != pid for name, pid in before.items()))
    eventually(lambda: is_ready(own_centre.url))


@pytest.mark.real
def test_nothing_outlives_an_up_that_was_killed_and_the_next_start_finds_data_and_token_again(tmp_path: Path):
    home = Home.at(tmp_path / ("too-long-for-a-socket-" * 8))
    home.root.mkdir()
    up = Child("up", [*UP, "--home", str(home.root)], tmp_path / "up.log")
    up.start()
    eventually(home.url_file.exists)
    token = home.token_file.read_text().strip()
    with Client(home.url_file.read_text().strip(), token) as client:
        upload = client.uploads.begin(Path(__file__))
    assert len(left_running(home)) >= 3

    os.kill(up.pid, signal.SIGKILL)

    eventually(lambda: left_running(home) == [])
    assert up.died() == -signal.SIGKILL
    with running(home.root) as second, second.client() as client:
        assert second.token == token
        assert client.uploads.offset(upload) == 0
    assert left_running(home) == []


@pytest.mark.real
def test_ctrl_c_ends_it_with_exit_code_0_and_the_next_start_finds_data_and_token_again(tmp_path: Path):
    home = Home.at(tmp_path / "home")
    home.root.mkdir()
    up = Child("up", [*UP, "--home", str(home.root)], tmp_path / "up.log")
    up.start()
    eventually(home.url_file.exists)
    token = home.token_file.read_text().strip()
    with Client(home.url_file.read_text().strip(), token) as client:
        upload = client.uploads.begin(Path(__file__))

    os.killpg(up.pid, signal.SIGINT)  # as a terminal does: to the whole foreground group

    assert exit_code(up) == 0
    assert up.last_lines(1) == ["stopped; no process is left"]
    assert left_running(home) == []
    assert not home.url_file.exists()
    with running(home.root) as second, second.client() as client:
        assert second.token == token
        assert client.uploads.offset(upload) == 0
    assert left_running(home) == []


def test_settings_that_cannot_work_are_refused_with_the_file_to_correct(tmp_path: Path):
    (tmp_path / "config.yaml").write_text("ledger: {attempts: none}\n")

    refused = subprocess.run([*UP, "--home", str(tmp_path)], capture_output=True, text=True, check=False)

    assert refused.returncode == 2
    assert "ledger.attempts" in refused.stderr
    assert str(tmp_path / "config.yaml") in refused.stderr


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").is_success
    except httpx.TransportError:
        return False
