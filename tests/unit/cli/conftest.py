"""Runs commands as a user would, against a server of canned answers."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from datacenter import startup
from datacenter.cli.main import main

Answers = dict[str, Any]
"""`GET /datasets` to the JSON of the answer, or to a pair of status and JSON; of HEAD, to the answer's headers."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Run `datacenter …`."""
    monkeypatch.setenv("COLUMNS", "80")
    # A separate process may set up logging; here it would affect all later tests of this process.
    monkeypatch.setattr(startup, "configure_logs", lambda _: None)

    def command(*arguments: str) -> Run:
        monkeypatch.setattr(sys, "argv", ["datacenter", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        captured = capsys.readouterr()
        return Run(code=code, out=captured.out, err=captured.err)

    return command


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    """A server whose answers the test puts into the dictionary."""
    answers: Answers = {}

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.split("?")[0].removeprefix("/api/v1")
            answer = answers.get(
                f"{self.command} {path}", (404, {"code": "NOT_FOUND", "detail": f"no {path}"})
            )
            status, body = answer if isinstance(answer, tuple) else (200, answer)
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in body.items() if self.command == "HEAD" else ():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_DELETE = do_PATCH = _answer  # noqa: N815 - the base class names them

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("DATACENTER_URL", f"http://127.0.0.1:{listening.server_port}")
        monkeypatch.setenv("DATACENTER_TOKEN", "dc_secret")
        try:
            yield answers
        finally:
            listening.shutdown()
            thread.join()
