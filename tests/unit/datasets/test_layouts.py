"""Layouts: each archive's is loaded once, and a hung or failed storage blocks only its own archives."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from datacenter.datasets import layouts
from datacenter.datasets.layouts import LayoutCache
from storage_adapters.errors import StorageUnavailable

PATIENCE_SECONDS = 30
"""The longest wait for an expected event."""


class Loads:
    """Replaces the storages: what `load_layout` does for each archive, and which archives were loaded."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.hangs = threading.Event()
        self.reached = threading.Event()
        self.failures: dict[str, Exception] = {}
        self.counting = threading.Lock()
        self.running = self.most_running = 0

    def __call__(self, storage: str, archive: Any) -> Any:
        self.asked.append(archive.id)
        with self.counting:
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            return self._load(storage, archive)
        finally:
            with self.counting:
                self.running -= 1

    def _load(self, storage: str, archive: Any) -> Any:
        if storage == "hung":
            self.reached.set()
            assert self.hangs.wait(PATIENCE_SECONDS)
        if archive.id in self.failures:
            raise self.failures[archive.id]
        return SimpleNamespace(files=1, name=archive.id)


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loads]:
    loads = Loads()
    monkeypatch.setattr(layouts, "load_layout", loads)
    yield loads
    loads.hangs.set()


@pytest.fixture
def begin(loads: Loads) -> Iterator[Callable[[str, str], "Future[Any]"]]:
    """Requests a layout in a thread of its own."""
    cache = LayoutCache(max_files=2)
    with ThreadPoolExecutor(4) as threads:
        yield lambda storage, name, files=2, registered="": threads.submit(
            cache.get,
            storage,
            SimpleNamespace(id=name, storage=registered or storage, files=files),
        )  # type: ignore[arg-type]  # stands for both
        loads.hangs.set()


def test_a_storage_that_hangs_holds_up_no_layout_of_another(loads, begin) -> None:
    slow = begin("hung", "slow")
    assert loads.reached.wait(PATIENCE_SECONDS)

    assert begin("healthy", "quick").result(PATIENCE_SECONDS).name == "quick"
    assert begin("healthy", "quick").result(PATIENCE_SECONDS).name == "quick"
    assert not slow.done()

    loads.hangs.set()
    assert slow.result(PATIENCE_SECONDS).name == "slow"
    assert loads.asked == ["slow", "quick"]


def test_an_archive_that_hangs_holds_up_no_small_one_of_its_storage(loads, begin) -> None:
    slow = begin("hung", "slow", 1, "one")
    assert loads.reached.wait(PATIENCE_SECONDS)

    assert begin("healthy", "quick", 1, "one").result(PATIENCE_SECONDS).name == "quick"
    assert not slow.done()


def test_archives_of_one_storage_are_loaded_together_only_as_far_as_memory_is_bounded(loads, begin) -> None:
    first = begin("hung", "a")
    assert loads.reached.wait(PATIENCE_SECONDS)
    others = [begin("hung", name) for name in ("b", "c")]

    loads.hangs.set()

    assert {each.result(PATIENCE_SECONDS).name for each in (first, *others)} == {"a", "b", "c"}
    assert loads.most_running == 1


def test_those_who_want_one_archive_at_the_same_time_share_one_load(loads, begin) -> None:
    first = begin("hung", "a")
    assert loads.reached.wait(PATIENCE_SECONDS)
    others = [begin("hung", "a") for _ in range(3)]

    loads.hangs.set()

    assert {id(each.result(PATIENCE_SECONDS)) for each in (first, *others)} == {id(first.result())}
    assert loads.asked == ["a"]


def test_a_load_that_fails_leaves_nothing_behind_and_the_next_to_ask_tries_again(loads, begin) -> None:
    loads.failures["a"] = StorageUnavailable("away")
    first = begin("hung", "a")
    assert loads.reached.wait(PATIENCE_SECONDS)
    loads.hangs.set()
    with pytest.raises(StorageUnavailable):
        first.result(PATIENCE_SECONDS)

    del loads.failures["a"]

    assert begin("healthy", "a").result(PATIENCE_SECONDS).name == "a"
    assert loads.asked == ["a", "a"]


def test_what_was_used_last_is_kept_and_no_more_than_may_be(loads, begin) -> None:
    for name in ("a", "b", "a", "c", "a", "b"):
        begin("healthy", name).result(PATIENCE_SECONDS)

    assert loads.asked == ["a", "b", "c", "b"]
