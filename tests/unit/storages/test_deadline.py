"""The deadline: results are passed on, a missing answer is an error, and the wait has a limit."""

import threading

import pytest

from datacenter.storages.checking import Deadline
from storage_adapters.errors import PermissionDenied, StorageUnavailable


def test_what_a_call_returns_or_raises_in_time_is_passed_on() -> None:
    def refuse() -> None:
        raise PermissionDenied("no")

    assert Deadline().within("lake", lambda: 7) == 7
    with pytest.raises(PermissionDenied) as refused:
        Deadline().within("lake", refuse)
    assert refused.value.storage == "lake"


def test_a_storage_that_does_not_answer_is_told_and_holds_so_many_threads_and_no_more() -> None:
    let_go = threading.Event()
    deadline = Deadline(seconds=0.05, max_waiting=2)
    before = threading.active_count()

    messages = []
    for _ in range(4):
        with pytest.raises(StorageUnavailable) as given_up:
            deadline.within("lake", lambda: let_go.wait(30))
        assert given_up.value.storage == "lake"
        messages.append(given_up.value.detail)

    assert ["no answer within" in each for each in messages] == [True, True, False, False]
    assert threading.active_count() == before + 2
    assert Deadline().within("shop", lambda: 7) == 7
    let_go.set()
