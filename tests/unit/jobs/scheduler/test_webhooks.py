"""Webhooks are posted to the given URL, but in production not into the installation's own network."""

import json
import queue
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from support.jobs.workbench import Workbench

from datacenter.datasets import records
from datacenter.datasets.records import NewDataset
from datacenter.ledger.options import JobOptions
from jobs.scheduler.relay import notify_once
from jobs.scheduler.webhooks import WebhookAddressRefused, post


@dataclass(frozen=True, kw_only=True)
class Hook:
    """A receiver on this machine."""

    port: int
    heard: "queue.Queue[tuple[str, dict[str, object]]]"


@pytest.fixture
def hook() -> Iterator[Hook]:
    heard: queue.Queue[tuple[str, dict[str, object]]] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.put((self.headers["Host"], json.loads(body)))
            self.send_response(int(self.path[1:] or 204))
            self.send_header("Location", "/204")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing, to keep the tests' output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield Hook(port=server.server_port, heard=heard)
        server.shutdown()


def test_a_receiver_on_this_machine_is_told_during_development(hook: Hook) -> None:
    assert post(f"http://localhost:{hook.port}/", {"job": "1"}, public_only=False)

    assert hook.heard.get_nowait() == (f"localhost:{hook.port}", {"job": "1"})


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[fe80::1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
    ],
)
def test_in_production_no_address_of_our_own_network_is_called(hook: Hook, host: str) -> None:
    with pytest.raises(WebhookAddressRefused):
        post(f"http://{host}:{hook.port}/", {}, public_only=True)

    assert hook.heard.empty()


def test_a_host_with_one_private_address_among_public_ones_is_refused(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    _resolve(monkeypatch, ["93.184.215.14", "127.0.0.1"])

    with pytest.raises(WebhookAddressRefused):
        post(f"http://hook.example:{hook.port}/", {}, public_only=True)

    assert hook.heard.empty()


def test_the_address_that_was_looked_at_is_the_one_that_is_called(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _resolve(monkeypatch, ["127.0.0.2", "127.0.0.1"])

    assert post(f"http://hook.example:{hook.port}/", {}, public_only=False)

    assert asked == ["hook.example"], "a second look could have found another address"
    assert hook.heard.get_nowait()[0] == f"hook.example:{hook.port}"


def test_proxies_of_the_environment_are_not_asked(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    assert post(f"http://127.0.0.1:{hook.port}/", {}, public_only=False)


def test_a_redirect_is_not_followed_and_is_no_success(hook: Hook) -> None:
    assert not post(f"http://127.0.0.1:{hook.port}/307", {}, public_only=False)

    assert hook.heard.qsize() == 1


@pytest.mark.parametrize("url", ["ftp://example.com/", "file:///etc/passwd", "redis://127.0.0.1/"])
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(WebhookAddressRefused):
        post(url, {}, public_only=False)


def test_a_certificate_has_to_be_the_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve(monkeypatch, ["93.184.215.14"])
    seen: list[httpx.Request] = []

    def send(_: httpx.Client, request: httpx.Request, **__: object) -> httpx.Response:
        seen.append(request)
        return httpx.Response(204)

    monkeypatch.setattr(httpx.Client, "send", send)

    assert post("https://hook.example/a", {}, public_only=True)

    assert seen[0].url == "https://93.184.215.14/a"
    assert seen[0].headers["Host"] == "hook.example"
    assert seen[0].extensions["sni_hostname"] == "hook.example"


@pytest.mark.parametrize(("environment", "posts"), [("development", 1), ("production", 0)])
def test_the_settings_say_whether_a_webhook_may_stay_within(
    tmp_path: Path, hook: Hook, environment: str, posts: int
) -> None:
    bench = Workbench(tmp_path)
    notify = ({"url": f"http://127.0.0.1:{hook.port}/", "on": ["FAILURE"]},)
    new = NewDataset(name="missing", source={"storage": "inbox", "key": "never.zip"})
    with bench.database.transaction() as session:
        records.create(session, bench.resources, bench.project_id, new, JobOptions(notify=notify))
    bench.work()

    settings = bench.settings.model_copy(update={"environment": environment})
    notify_once(replace(bench.resources, settings=settings))

    assert hook.heard.qsize() == posts
    bench.close()


def _resolve(monkeypatch: pytest.MonkeyPatch, addresses: list[str]) -> list[str]:
    """Let `hook.example` have these addresses; returns the list of requested names."""
    asked: list[str] = []
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *more: object, **others: object) -> object:
        if host != "hook.example":
            return real(host, port, *more, **others)  # type: ignore[arg-type]  # handed on as they came
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked
