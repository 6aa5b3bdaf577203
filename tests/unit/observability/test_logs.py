"""Logs as a process writes them: everybody's lines are JSON, with the ids that are bound, and without a secret."""

import json
import subprocess
import sys
from typing import Any

import pytest

SECRET, PASSWORD, OPENED = "w" * 20 + 'ca"nary', "database-canary", "storage-canary"
ORIGIN = {"request_id": "request-1"}
PREPARED = f"""
import logging, sys, threading, warnings
import structlog
from pydantic import SecretStr
from datacenter.observability.logs import configure_logs, redact_in_logs
from datacenter.observability.context import working
from datacenter.settings.model import DatabaseSettings, Settings, WebSettings

settings = Settings(
    environment=sys.argv[1],
    database=DatabaseSettings(url="mysql+pymysql://user:{PASSWORD}@host/database"),
    web=WebSettings(secret_key=SecretStr({SECRET!r})),
)
configure_logs(settings)
redact_in_logs([{OPENED!r}])
log = structlog.get_logger("ours")
"""


def written(code: str, environment: str = "production") -> list[str]:
    """The lines that a process writes to standard error."""
    command = [sys.executable, "-c", PREPARED + code, environment]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.stdout == ""
    return ended.stderr.splitlines()


def events(code: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written(code)]


@pytest.mark.parametrize("name", ["uvicorn.error", "celery.worker", "sqlalchemy.pool", "anybody"])
def test_the_lines_of_others_are_like_ours(name: str) -> None:
    ours, theirs = events(
        f"""
with working({ORIGIN!r}, job_id="job-1", kind="import", step="run", shard=7):
    log.warning("said", number=1)
    logging.getLogger({name!r}).warning("said %s", "it")
"""
    )

    for line in (ours, theirs):
        assert (line["request_id"], line["job_id"], line["shard"]) == ("request-1", "job-1", 7)
        assert line["level"] == "warning"
        assert line["timestamp"].endswith("Z")
    assert (ours["logger"], ours["event"], ours["number"]) == ("ours", "said", 1)
    assert (theirs["logger"], theirs["event"]) == (name, "said it")


@pytest.mark.parametrize(
    "failing",
    [
        "log.exception('failed')",
        "logging.getLogger('uvicorn.error').exception('failed')",
        "raise",
        "def again(): raise ValueError('wrong 图')\n    threading.Thread(target=again).start()",
    ],
    ids=["ours", "theirs", "nobody caught it", "in a thread"],
)
def test_an_exception_is_one_line_whoever_tells_it(failing: str) -> None:
    (line,) = events(
        f"""
try:
    raise ValueError("wrong 图")
except ValueError:
    {failing}
"""
    )

    assert "Traceback (most recent call last)" in line["exception"]
    assert line["exception"].endswith("ValueError: wrong 图")
    assert "\n" in line["exception"]


def test_a_warning_is_a_line() -> None:
    (line,) = events("warnings.warn('look here')")

    assert "look here" in line["event"]


def test_what_is_bound_ends_with_its_shard() -> None:
    (line,) = events(
        f"with working({ORIGIN!r}, job_id='job-1', kind='import', step='run', shard=7): pass\nlog.info('after')"
    )

    assert not {"request_id", "job_id"} & line.keys()


@pytest.mark.parametrize("environment", ["production", "development"])
@pytest.mark.parametrize("secret", [SECRET, PASSWORD, OPENED])
def test_no_line_holds_a_secret(environment: str, secret: str) -> None:
    lines = written(
        f"""
secret = {secret!r}
log.info("with " + secret, field=secret, deep={{"er": [secret]}})
logging.getLogger("theirs").error("their %s", secret)
try:
    raise ValueError(secret)
except ValueError:
    log.exception("failed")
""",
        environment,
    )

    text = "\n".join(lines)
    assert "canary" not in text
    assert 'ca\\"nary' not in text
    assert text.count("***") >= 5


def test_a_person_at_a_terminal_reads_no_json() -> None:
    (line,) = written("log.info('said', number=1)", "development")

    assert "said" in line
    assert "number=1" in line
    assert not line.startswith("{")


def test_a_line_that_cannot_be_written_leaves_nothing_of_what_is_being_handled() -> None:
    failing = """
class Full:
    def write(self, text): raise OSError("the disk is full")
    def flush(self): pass

logging.getLogger().handlers[0].setStream(Full())
try:
    raise ValueError("the key " + settings.web.secret_key.get_secret_value())
except ValueError:
    log.warning("it failed")
"""
    assert written(failing) == []
