"""The stop flag: raised by the parent, seen by children that were forked before; after the grace, shards go back."""

import os
import signal
import time
from collections.abc import Iterator

import pytest

from jobs.worker import stopping
from jobs.worker.stopping import STUCK_SECONDS, StopFlag, handle_signals


def test_a_child_that_was_forked_before_sees_it() -> None:
    flag = StopFlag()
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(read_end, 1)
        os._exit(7 if flag.is_raised() else 0)

    flag.raise_()
    os.write(write_end, b"x")

    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    os.close(read_end)
    os.close(write_end)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The current time."""
    moment = [100.0]
    monkeypatch.setattr("jobs.worker.stopping.time.monotonic", lambda: moment[0])
    return moment


def test_a_running_shard_has_a_grace_before_it_goes_back_and_then_a_little_to_notice(clock) -> None:
    flag = StopFlag(grace_seconds=10)
    assert not flag.is_raised()
    assert not flag.grace_is_over()
    assert not flag.is_overdue()

    flag.raise_()

    seen = []
    for clock[0] in (100.0, 109.9, 110.1, 110.0 + STUCK_SECONDS + 0.1):
        seen.append((flag.is_raised(), flag.grace_is_over(), flag.is_overdue()))
    assert seen == [(True, False, False), (True, False, False), (True, True, False), (True, True, True)]


def test_told_a_second_time_there_is_no_grace_left(clock) -> None:
    flag = StopFlag(grace_seconds=1000)

    flag.raise_()
    clock[0] = 101.0
    flag.raise_()

    assert flag.grace_is_over()
    assert flag.seconds_left() == pytest.approx(2 * STUCK_SECONDS)


@pytest.fixture
def handlers() -> Iterator[None]:
    """Restores the signal handlers afterwards."""
    numbers = (*stopping.END_SIGNALS, signal.SIGALRM)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", stopping.END_SIGNALS)
def test_each_signal_raises_the_flag_and_in_the_end_says_that_nobody_may_be_left(
    handlers, monkeypatch, number
) -> None:
    monkeypatch.setattr(stopping, "STUCK_SECONDS", 0.05)
    flag, heard = StopFlag(), []
    handle_signals(flag, on_signal=lambda: heard.append("signal"), overdue=lambda: heard.append("overdue"))

    os.kill(os.getpid(), number)

    end = time.monotonic() + 10
    while "overdue" not in heard and time.monotonic() < end:
        time.sleep(0.01)
    assert heard == ["signal", "overdue"]
    assert flag.is_raised()


def test_who_begins_to_listen_after_it_was_told_hears_of_it(handlers) -> None:
    flag, heard = StopFlag(), []
    flag.raise_()

    handle_signals(flag, on_signal=lambda: heard.append("signal"), overdue=lambda: None)

    assert heard == ["signal"]
