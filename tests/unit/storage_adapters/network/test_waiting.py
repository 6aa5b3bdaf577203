"""Waiting for a server: the check is called meanwhile, and what it raises ends the wait."""

import socket
from collections.abc import Iterator

import pytest

from storage_adapters.network import waiting
from storage_adapters.network.waiting import never_cancelled, receive


class CalledOff(Exception):
    """The answer is not wanted any more."""


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[socket.socket, socket.socket]]:
    monkeypatch.setattr(waiting, "CHECK_SECONDS", 0.01)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_the_check_is_called_until_the_answer_comes(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    calls: list[int] = []

    def answer_at_the_third() -> None:
        calls.append(1)
        if len(calls) == 3:
            theirs.sendall(b"answer")

    assert receive(ours, 100, seconds=600, check=answer_at_the_third) == b"answer"
    assert len(calls) >= 3
    assert ours.gettimeout() == 600


def test_what_the_check_raises_ends_the_wait(ends: tuple[socket.socket, socket.socket]) -> None:
    def call_off() -> None:
        raise CalledOff

    with pytest.raises(CalledOff):
        receive(ends[0], 100, seconds=600, check=call_off)


def test_a_server_that_says_nothing_is_waited_for_no_longer_than_was_said(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    with pytest.raises(TimeoutError):
        receive(ends[0], 100, seconds=0.05, check=never_cancelled)


def test_an_end_is_nothing(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.close()
    assert receive(ours, 100, seconds=600, check=never_cancelled) == b""
