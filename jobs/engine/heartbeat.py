"""The heartbeat: extends a shard's lease while it makes progress, and learns from the ledger when it should stop."""

import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from datetime import timedelta
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy.exc import SQLAlchemyError

from datacenter.errors import LeaseLost
from datacenter.ledger import leases
from datacenter.ledger.outbox import ring_committed
from jobs.contract import JobContext

POLL_SECONDS = 1.0
log = structlog.get_logger(__name__)


class Heartbeat:
    """A thread beside one shard. It beats only while the runner makes progress, so a stalled storage call loses its lease.

    Once the worker is `overdue` to stop, the heartbeat hands the shard back for a runner that hangs in such a call.
    """

    def __init__(self, context: JobContext, overdue: Callable[[], bool] = lambda: False) -> None:
        self._context = context
        self._overdue = overdue
        self._settings = context.resources.settings.ledger
        self._ended = threading.Event()
        self._thread = threading.Thread(
            # The heartbeat's log lines carry the same context as the shard's.
            target=copy_context().run,
            args=(self._beat,),
            name="heartbeat",
            daemon=True,
        )
        context.expires = time.monotonic() + self._settings.lease_seconds

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        interval, last_beat = self._settings.heartbeat_seconds, time.monotonic()
        while not self._ended.wait(min(POLL_SECONDS, interval)):
            if self._overdue():
                self._hand_back()
            elif time.monotonic() - last_beat >= interval:
                last_beat = time.monotonic()
                self._beat_once()
            if self._context.lost:
                return

    def _beat_once(self) -> None:
        if time.monotonic() - self._context.touched <= self._settings.stall_seconds:
            self._extend()
        if time.monotonic() > self._context.expires:
            self._context.lost = True

    def _hand_back(self) -> None:
        context = self._context
        # Set first, so that a runner that wakes up now writes nothing more.
        context.lost = True
        try:
            context.resources.database.run(lambda session: leases.hand_back(session, context.held))
        except LeaseLost:
            return
        except SQLAlchemyError as error:
            log.warning("left to the sweep", job_id=context.job_id, reason=str(error))
            return
        log.warning("shard handed back while its storage call hangs", job_id=context.job_id)
        ring_committed(context.resources.database, context.resources.doorbell, context.job_id)

    def _extend(self) -> None:
        context, lease = self._context, timedelta(seconds=self._settings.lease_seconds)
        sent = time.monotonic()
        try:
            context.stopped = context.resources.database.run(
                lambda session: leases.extend(
                    session, context.held, lease, files=context.files, size_bytes=context.size_bytes
                )
            )
            context.expires = sent + self._settings.lease_seconds
        except LeaseLost:
            context.lost = True
        except SQLAlchemyError as error:
            log.warning("heartbeat missed", reason=str(error))
