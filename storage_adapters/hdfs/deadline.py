"""Deadline: give up waiting for a blocking call that cannot be told to hurry."""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from storage_adapters.errors import StorageUnavailable

ResultT = TypeVar("ResultT")


def within(seconds: float, call: Callable[[], ResultT]) -> ResultT:
    """What the call returns or raises, if it does so in time.

    hdfs-native tries a dead NameNode again for minutes, and a silent one for ever. A call that was given up
    goes on in its thread and may still have its effect.

    Raises:
        StorageUnavailable: it took longer.
    """
    answers: SimpleQueue[tuple[ResultT | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            answers.put((None, error))

    Thread(target=run, name="hdfs-call", daemon=True).start()
    try:
        result, error = answers.get(timeout=seconds)
    except Empty:
        raise StorageUnavailable(
            f"HDFS did not answer within {seconds:g} seconds: is it up, and is this the port of its RPC?"
        ) from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]  # without an error it is what the call returned
