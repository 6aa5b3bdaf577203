"""Liveness of a worker: the event loop that receives rings gives the sign, also while it waits for a broker."""

from collections.abc import Callable
from typing import Any

from celery import Celery, bootsteps
from celery.signals import worker_shutdown

from datacenter.observability.liveness import SignOfLife
from jobs.worker.rings import RingConsumer


def install_liveness(app: Celery, sign: SignOfLife) -> None:
    """Let the worker's event loop give signs of life. Shards run in other processes and cannot block it."""

    class GiveSigns(bootsteps.StartStopStep):
        requires = ("celery.worker.components:Hub",)

        def start(self, parent: Any) -> None:
            sign.give()
            # On the timer of the worker, not of a connection: a connection's timers end with it.
            parent.timer.call_repeatedly(sign.pause_seconds, sign.give)

    class PatientConsumer(RingConsumer):
        """Waits for its broker outside of the event loop, for as long as it takes; passes only rings on."""

        def ensure_connected(self, conn: Any) -> Any:
            ensure = conn.ensure_connection

            def ensure_and_live(errback: Any, max_retries: Any, *, callback: Callable[[], None]) -> Any:
                def between_attempts() -> None:
                    sign.give()
                    callback()

                return ensure(errback, max_retries, callback=between_attempts)

            conn.ensure_connection = ensure_and_live
            return super().ensure_connected(conn)

    app.steps["worker"].add(GiveSigns)
    worker_shutdown.connect(lambda **_: sign.end(), weak=False)
    app.conf.worker_consumer = PatientConsumer
