"""`datacenter health web` with a web layer on a port that no setting names."""

import os
from urllib.parse import urlsplit

import pytest
from services.server import free_port


@pytest.fixture
def port(server, monkeypatch: pytest.MonkeyPatch) -> str:
    """A port with a listener; the settings name another one."""
    monkeypatch.delenv("DATACENTER_CONFIG", raising=False)
    monkeypatch.setenv("DATACENTER__WEB__PORT", str(free_port()))
    return str(urlsplit(os.environ["DATACENTER_URL"]).port)


def test_the_port_of_the_option_wins_over_that_of_the_settings(run, server, port):
    server["GET /healthz"] = {}
    server["GET /readyz"] = (503, {"detail": "no broker"})

    assert run("health", "web").code == 1
    assert run("health", "web", "--port", port).out == "the web is alive\n"
    assert "no broker" in run("health", "web", "--ready", "--port", port).err


def test_a_port_of_what_is_not_asked_over_one_is_refused(run):
    ended = run("health", "worker", "--port", "8080")

    assert ended.code == 2
    assert "--port is only for web" in ended.err
