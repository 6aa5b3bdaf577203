"""The stop flag: raised by the parent, seen by children that were forked before; after the grace, shards go back."""

import os

import pytest

from jobs.stopping import StopFlag


def test_a_child_that_was_forked_before_sees_it() -> None:
    flag = StopFlag()
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(told, 1)
        os._exit(7 if flag.is_raised() else 0)

    flag.raise_()
    os.write(tell, b"x")

    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
    os.close(told)
    os.close(tell)


def test_a_running_shard_has_a_grace_before_it_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 100.0, 105.0, 110.5])
    monkeypatch.setattr("jobs.stopping.time.monotonic", lambda: next(clock))
    flag = StopFlag(grace_seconds=10)
    assert not flag.is_raised()
    assert not flag.grace_is_over()

    flag.raise_()

    assert flag.is_raised()
    assert [flag.grace_is_over() for _ in range(3)] == [False, False, True]
