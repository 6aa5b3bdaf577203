"""The end of a Celery worker in our words: what it hears, whom it tells, and that it does come to an end."""

import os
import signal
from contextlib import suppress
from typing import Any

import structlog
from celery import bootsteps
from celery.platforms import EX_OK
from celery.worker import state

from datacenter.ledger.doorbell import BrokerUnavailable, Doorbell
from datacenter.settings.model import BrokerSettings
from jobs.worker.stopping import END_SIGNALS, StopFlag, handle_signals

log = structlog.get_logger(__name__)


def ending_step(stop: StopFlag, broker: BrokerSettings, queues: list[str]) -> type[bootsteps.StartStopStep]:
    """A step of Celery's worker between its pool and its consumer: started after the one, stopped after the other."""

    class Ending(bootsteps.StartStopStep):
        requires = ("celery.worker.components:Pool",)

        def start(self, worker: Any) -> None:
            """Take the signals from Celery, which would end in other ways at a second one."""
            handle_signals(stop, on_signal=_stop_hearing, overdue=lambda: _end_now(worker))

        def stop(self, worker: Any) -> None:
            """Pass the rings on that this worker took from the broker and will not answer.

            It consumes no more by now, and gives them back only after its last shard: others should not wait for that.
            """
            if stop.is_raised():
                _ring(broker, queues, worker.pool.num_processes)

    return Ending


def ignore_end_signals() -> None:
    """In a child: whoever tells a whole process group to end means its parent, which tells the child by the flag."""
    for number in END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _stop_hearing() -> None:
    """What Celery's own handler does for a warm shutdown; its loop looks at this every second, connected or not."""
    state.should_stop = EX_OK  # type: ignore[assignment]  # the stubs know its first value only


def _ring(broker: BrokerSettings, queues: list[str], times: int) -> None:
    doorbell = Doorbell(broker)
    try:
        for queue in queues:
            for _ in range(times):
                doorbell.ring(queue, "")
    except BrokerUnavailable as error:
        log.warning("rings left to the sweep", reason=error.detail)
    finally:
        doorbell.close()


def _end_now(worker: Any) -> None:
    """Everything is handed back by now; who is still there hangs in a call that never returns."""
    # The signal may have come in the middle of a line of the log.
    with suppress(RuntimeError):
        log.warning("ended while a call hung")
    for pid in worker.pool.info.get("processes", ()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(0)
