"""The heartbeat: extends a shard's lease while its work goes on, and hears when it should stop."""

import threading
import time
from contextvars import copy_context
from datetime import timedelta
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy.exc import SQLAlchemyError

from datacenter.errors import LeaseLost
from datacenter.ledger import leases
from jobs.contract import JobContext

log = structlog.get_logger(__name__)


class Heartbeat:
    """A thread beside one shard. It beats only while the runner makes progress, so a stalled storage call loses its lease."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._settings = context.resources.settings.ledger
        self._ended = threading.Event()
        self._thread = threading.Thread(
            # What is bound to the shard's own lines stands in those of the heartbeat, too.
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
        while not self._ended.wait(self._settings.heartbeat_seconds):
            if time.monotonic() - self._context.touched <= self._settings.stall_seconds:
                self._extend()
            if time.monotonic() > self._context.expires:
                self._context.lost = True
            if self._context.lost:
                return

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
