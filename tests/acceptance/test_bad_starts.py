"""Each program, started with what cannot work: a sentence with the key and the cure, exit code 2, never a stack trace."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from support.servers.refusing import refusing_mysql, refusing_redis

from datacenter.migrations import migrate
from datacenter.settings.model import DatabaseSettings

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(600),
]  # processes of their own, on machines that are busy with others
PROGRAMS = {
    "serve": ("datacenter.cli", "serve"),
    "migrate": ("datacenter.cli", "migrate"),
    "worker": ("jobs.worker", "--concurrency", "1"),
    "scheduler": ("jobs.scheduler",),
}
ALL = tuple(PROGRAMS)
CANARY = "canary-9f3c"
TOO_NEW = "9999_since_9000"
NO_WAITING = {"DATACENTER__DATABASE__PATIENCE_SECONDS": "0"}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What stands in braces in the tables below."""
    home = tmp_path_factory.mktemp("starts")
    for name, revision in (("new", TOO_NEW), ("old", "0001"), ("good", None)):
        file = f"sqlite:///{home}/{name}.db"
        migrate(DatabaseSettings(url=file))
        if revision is not None:
            mark(file, revision)
    (home / "empty").touch()
    with refusing_mysql() as mysql, refusing_redis() as redis, closed_port() as silent:
        yield {
            "home": str(home),
            "mysql": mysql,
            "redis": redis,
            "silent": silent,
            "taken": silent.rpartition(":")[2],
        }


def mark(url: str, revision: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :found"), {"found": revision})
    engine.dispose()


@contextmanager
def closed_port() -> Iterator[str]:
    """An address that is taken but has no listener."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def environment(given: Mapping[str, str], places: Mapping[str, str]) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("DATACENTER")},
        "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")]),
        "COLUMNS": "80",
        "DATACENTER__DATABASE__URL": f"sqlite:///{places['home']}/good.db",
        "DATACENTER__BROKER__URL": f"redis+socket://{places['home']}/nobody.sock",
        "DATACENTER__WEB__PORT": "0",
        **{name: value.format(**places) for name, value in given.items()},
    }


def start(program: str, given: Mapping[str, str], places: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *PROGRAMS[program]],
        env=environment(given, places),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_output_until(running: subprocess.Popen[str], words: str) -> str:
    """What a program says up to the line with these words, or all of it if it ends or takes forever."""
    late = threading.Timer(300, running.kill)
    late.start()
    said = ""
    for line in running.stdout:
        said += line
        if words in line:
            break
    late.cancel()
    return said


WRONG_SETTINGS = {
    "DATACENTER__ENVIRONMENT": "production",
    "DATACENTER__LEDGER__ATTEMPTS": CANARY,
    "DATACENTER__LEDGER__LEASE_SECOND": "3",
    "DATACENTER__BROKER__PREFIX__FILE": "{home}/empty",
}
EXPECTED_FAULTS = (
    "ledger.attempts: must be a whole number (DATACENTER__LEDGER__ATTEMPTS)",
    "ledger.lease_second: there is no such setting; did you mean ledger.lease_seconds?",
    "broker.prefix: the file named by DATACENTER__BROKER__PREFIX__FILE is empty",
    "web.secret_key: production needs a secret of 32 characters or more; set DATACENTER__WEB__SECRET_KEY",
)
SILENT_DATABASE = {"DATACENTER__DATABASE__URL": f"mysql+pymysql://u:{CANARY}@{{silent}}/d", **NO_WAITING}
REFUSING_DATABASE = {"DATACENTER__DATABASE__URL": f"mysql+pymysql://u:{CANARY}@{{mysql}}/d"}
REFUSALS = [
    ("wrong settings", ALL, WRONG_SETTINGS, EXPECTED_FAULTS),
    (
        "silent database",
        ALL,
        SILENT_DATABASE,
        ("database.url: no database answers at 127.0.0.1:", "check that it runs"),
    ),
    (
        "refusing database",
        ALL,
        REFUSING_DATABASE,
        ("database.url: the server refuses the user or the password",),
    ),
    (
        "a directory that is missing",
        ("migrate",),
        {"DATACENTER__DATABASE__URL": "sqlite:////nowhere/at/all.db"},
        ("database.url: the file cannot be opened; its directory must exist",),
    ),
    (
        "no database",
        ("serve", "worker", "scheduler"),
        {"DATACENTER__DATABASE__URL": "sqlite:///{home}/none.db"},
        ("there is no database at", "run `datacenter migrate`"),
    ),
    (
        "old schema",
        ("serve", "worker", "scheduler"),
        {"DATACENTER__DATABASE__URL": "sqlite:///{home}/old.db"},
        ("database.url: the schema is 0001", "run `datacenter migrate`"),
    ),
    (
        "new schema",
        ALL,
        {"DATACENTER__DATABASE__URL": "sqlite:///{home}/new.db"},
        (f"database.url: the schema is {TOO_NEW}", "run a newer release"),
    ),
    (
        "a port for metrics that is taken",
        ("serve",),
        {"DATACENTER__WEB__METRICS_PORT": "{taken}"},
        ("web.metrics_port: cannot listen on 127.0.0.1:{taken}: Address already in use",),
    ),
    (
        "refusing broker",
        ("worker",),
        {"DATACENTER__BROKER__URL": f"redis://:{CANARY}@{{redis}}/0"},
        ("broker.url: the broker at redis://:**@127.0.0.1:", "refuses the user or the password"),
    ),
]


@pytest.mark.parametrize(
    ("program", "given", "expected"),
    [
        pytest.param(program, given, expected, id=f"{program}: {case}")
        for case, programs, given, expected in REFUSALS
        for program in programs
    ],
)
def test_what_no_waiting_cures_ends_the_program_with_a_sentence(places, program, given, expected) -> None:
    running = start(program, given, places)
    said = running.communicate(timeout=300)[0]

    assert running.returncode == 2, said
    for sentence in expected:
        assert sentence.format(**places) in said
    assert "Traceback" not in said
    assert CANARY not in said


PATIENT = {**SILENT_DATABASE, "DATACENTER__DATABASE__PATIENCE_SECONDS": "900"}
WAITING = [
    ("serve", PATIENT, "waiting for the database"),
    ("scheduler", PATIENT, "waiting for the database"),
    (
        "worker",
        {"DATACENTER__BROKER__URL": f"redis://:{CANARY}@{{silent}}/0"},
        "Cannot connect to redis://:**@",
    ),
]


@pytest.mark.parametrize(("program", "given", "until"), WAITING, ids=lambda value: str(value)[:9])
def test_a_program_that_waits_says_for_what_and_ends_with_0_when_told_to(
    places, program, given, until
) -> None:
    running = start(program, given, places)
    said = read_output_until(running, until)
    running.send_signal(signal.SIGTERM)
    said += running.communicate(timeout=300)[0]

    assert "check that it runs and that the address is correct" in said
    assert running.returncode == 0, said
    assert "Traceback" not in said
    assert CANARY not in said


@pytest.mark.parametrize(("program", "expected"), [("serve", "serving"), ("scheduler", "scheduler started")])
def test_the_web_layer_and_the_scheduler_do_without_a_broker(places, program, expected) -> None:
    running = start(program, {}, places)
    said = read_output_until(running, expected)
    running.send_signal(signal.SIGTERM)
    said += running.communicate(timeout=300)[0]

    assert expected in said
    assert running.returncode == 0, said


def test_a_flag_is_stronger_than_a_variable_and_names_another_file(places) -> None:
    file = Path(places["home"]) / "settings.yaml"
    file.write_text("ledger: {lease_seconds: 3}\n")
    command = [sys.executable, "-m", *PROGRAMS["migrate"], "--config", str(file), "--set"]
    given = environment({"DATACENTER__LEDGER__HEARTBEAT_SECONDS": "1"}, places)

    refused = subprocess.run(
        [*command, "ledger.heartbeat_seconds=4"], env=given, capture_output=True, text=True
    )
    done = subprocess.run([*command, "ledger.heartbeat_seconds=2"], env=given, capture_output=True, text=True)

    assert refused.returncode == 2
    assert "heartbeat_seconds must be less than lease_seconds" in refused.stderr
    assert done.returncode == 0, done.stderr
