"""Servers that rounds share: started when one needs them, kept for the next, gone when no later one does."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from services.run_matrix import SharedServers
from services.server import Server

EVENTS: list[str] = []


class Quiet(Server):
    """Starts nothing, and writes down what is asked of it."""

    name = "quiet"
    programs = ()
    alive = True

    @property
    def url(self) -> str:
        return f"{self.name}://{self.directory}"

    def launch(self) -> None:
        EVENTS.append(f"start {self.name}")

    def is_ready(self) -> bool:
        return self.alive

    def stop(self) -> None:
        EVENTS.append(f"stop {self.name}")


class Other(Quiet):
    name = "other"


@pytest.fixture
def shared() -> Iterator[SharedServers]:
    EVENTS.clear()
    with SharedServers() as servers:
        yield servers


def test_a_server_is_started_once_for_all_rounds_that_need_it(shared: SharedServers) -> None:
    first = shared.urls({"A": Quiet})
    second = shared.urls({"A": Quiet, "B": Other})

    assert first["A"] == second["A"]
    assert EVENTS == ["start quiet", "start other"]


def test_a_server_that_no_later_round_needs_is_stopped(shared: SharedServers) -> None:
    urls = shared.urls({"A": Quiet, "B": Other})

    shared.keep({Other})

    assert EVENTS == ["start quiet", "start other", "stop quiet"]
    assert not Path(urls["A"].partition("://")[2]).exists()
    assert Path(urls["B"].partition("://")[2]).exists()


def test_a_server_that_died_is_started_anew(shared: SharedServers, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shared.urls({"A": Quiet})
    answers = iter([False, True])
    monkeypatch.setattr(Quiet, "is_ready", lambda _: next(answers))

    second = shared.urls({"A": Quiet})

    assert first["A"] != second["A"]
    assert EVENTS == ["start quiet", "stop quiet", "start quiet"]


def test_at_the_end_nothing_is_left(shared: SharedServers) -> None:
    url = shared.urls({"A": Quiet, "B": Other})["A"]

    shared.__exit__()

    assert EVENTS[2:] == ["stop other", "stop quiet"]
    assert not Path(url.partition("://")[2]).exists()
