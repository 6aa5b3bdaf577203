"""Ringing: after a commit the doorbell is rung in a thread of its own, so that a broker that hangs delays no request."""

import queue
import threading

from datacenter.datasets.resources import Resources
from datacenter.ledger.outbox import ring_committed

MOST_WAITING = 1_000


class Ringer:
    """Rings for committed jobs, one after the other. What finds no room, or is not rung at the end, the relay rings."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._jobs: queue.Queue[str | None] = queue.Queue(MOST_WAITING)
        self._thread = threading.Thread(target=self._work, name="ringer", daemon=True)
        self._thread.start()

    def ring(self, job_id: str) -> None:
        """Ask for the rings that were committed with a job; returns at once."""
        try:
            self._jobs.put_nowait(job_id)
        except queue.Full:
            return

    def close(self) -> None:
        """Stop after the ring that is under way, which is waited for as long as a broker that answers takes."""
        while True:
            try:
                self._jobs.put_nowait(None)
                break
            except queue.Full:
                self._jobs.get_nowait()
        self._thread.join(1)

    def _work(self) -> None:
        while (job_id := self._jobs.get()) is not None:
            ring_committed(self._resources.database, self._resources.doorbell, job_id)
