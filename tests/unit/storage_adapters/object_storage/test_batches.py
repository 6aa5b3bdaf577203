"""Running work on batches: order, bounds, and when threads are worth it."""

from collections.abc import Iterator
from itertools import count, islice
from threading import get_ident
from time import sleep

import pytest

from storage_adapters.object_storage.batches import cut_batches, run_batches


def test_batches_close_at_the_number_of_items_or_at_their_weight() -> None:
    assert list(cut_batches(range(5), max_items=2)) == [[0, 1], [2, 3], [4]]
    assert list(cut_batches([1, 5, 5, 1, 9], max_items=9, max_bytes=6, size_bytes=lambda item: item)) == [
        [1, 5],
        [5, 1],
        [9],
    ]
    assert list(cut_batches([], max_items=2)) == []


def waiting_work(batch: list[int]) -> list[tuple[int, int]]:
    sleep(0.06)
    return [(item, get_ident()) for item in batch]


def test_work_that_waits_goes_to_threads_and_keeps_its_order() -> None:
    results = list(run_batches(waiting_work, cut_batches(range(20), max_items=2), threads=4))
    assert [item for item, _ in results] == list(range(20))
    assert len({thread for _, thread in results}) > 2


def test_work_that_keeps_the_processor_busy_stays_in_the_callers_thread() -> None:
    def work(batch: list[int]) -> list[int]:
        return [get_ident() for _ in batch]

    assert set(run_batches(work, cut_batches(range(50), max_items=2), threads=4)) == {get_ident()}


def test_the_stream_is_read_a_bounded_number_of_batches_ahead() -> None:
    numbers = count()
    assert len(list(islice(run_batches(waiting_work, ([next(numbers)] for _ in count()), threads=2), 6))) == 6
    assert next(numbers) <= 6 + 2 * 2


def test_no_more_is_under_way_than_may_be_held_but_always_one_batch() -> None:
    under_way: list[int] = []
    most = []

    def take(sizes: list[int]) -> Iterator[list[int]]:
        for size in sizes:
            under_way.append(size)
            most.append(sum(under_way))
            yield [size]

    for size in run_batches(
        lambda batch: batch,
        take([30, 30, 30, 200, 30, 30]),
        threads=8,
        begin_alone=False,
        size_bytes=lambda size: size,
        max_bytes=100,
    ):
        under_way.remove(size)
    # The stream is one batch ahead of what is under way.
    assert most == [30, 60, 90, 290, 230, 60]


@pytest.mark.parametrize("threads", [1, 4])
def test_an_error_in_the_work_or_in_the_stream_reaches_the_caller(threads: int) -> None:
    def fail_late(batch: list[int]) -> list[int]:
        sleep(0.06)
        return [100 // (6 - item) for item in batch]

    with pytest.raises(ZeroDivisionError):
        list(run_batches(fail_late, cut_batches(range(20), max_items=1), threads=threads))

    def broken() -> Iterator[list[int]]:
        yield from ([1], [2], [3])
        raise KeyError

    with pytest.raises(KeyError):
        list(run_batches(fail_late, broken(), threads=threads))
