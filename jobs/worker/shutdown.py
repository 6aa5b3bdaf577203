"""Shutdown of a Celery worker: take its signals, pass its unanswered rings on, and end even if a call hangs."""

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


def shutdown_step(stop: StopFlag, broker: BrokerSettings, queues: list[str]) -> type[bootsteps.StartStopStep]:
    """A step of Celery's worker between pool and consumer: started after the pool, stopped after the consumer."""

    class Shutdown(bootsteps.StartStopStep):
        requires = ("celery.worker.components:Pool",)

        def start(self, worker: Any) -> None:
            """Replace Celery's signal handlers, which would treat a second signal in other ways."""
            handle_signals(stop, on_signal=_stop_consuming, overdue=lambda: _end_now(worker))

        def stop(self, worker: Any) -> None:
            """Ring again for the rings that this worker took from the broker and will not serve.

            The consumer has stopped, but returns them only after its last shard: other workers should not wait for that.
            """
            if stop.is_raised():
                _ring(broker, queues, worker.pool.num_processes)

    return Shutdown


def ignore_end_signals() -> None:
    """In a child: a signal to the whole process group is meant for the parent, which stops its children by the flag."""
    for number in END_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _stop_consuming() -> None:
    """As Celery's own handler for a warm shutdown; its loop checks this every second, connected or not."""
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
    """Kill the remaining processes: everything is handed back by now, so they hang in a call that never returns."""
    # The signal may have arrived while a log line was being written.
    with suppress(RuntimeError):
        log.warning("ended while a call hung")
    for pid in worker.pool.info.get("processes", ()):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    os._exit(0)
