"""Rings as they arrive: everything else that a broker delivers is dropped, counted, and logged now and then.

Any client of the broker can put anything into a queue. Celery and kombu read much of a message before a task sees it, and
some of that ends a worker, or makes the message come back for ever. So neither reads a message here before it is known to be
a ring, and what they read then is written by this module: of the message only the queue and the job's id are kept.
"""

import json
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any, cast

import structlog
from celery.worker.consumer import Consumer
from kombu import compression
from kombu.message import Message
from kombu.transport import TRANSPORT_ALIASES

from datacenter.ledger.doorbell import RING_TASK
from datacenter.observability.metrics import Metrics

MAX_BODY_BYTES = 4096
"""A ring has less than 200."""
MAX_TEXT = 255
LOG_SECONDS = 60.0
JSON = "application/json"
log = structlog.get_logger(__name__)


class NotARing(Exception):
    """Why a message is not a ring; nothing of its content is in the text."""


def ring_of(headers: object, content_type: object, body: object) -> tuple[str, str]:
    """The queue and the job's id of a ring. Raises: NotARing, whatever the message is."""
    if not isinstance(headers, dict) or headers.get("task") != RING_TASK:
        raise NotARing("it names another task, or none")
    if content_type != JSON:
        raise NotARing("it is not JSON")
    if not isinstance(body, (str, bytes, bytearray, memoryview)) or len(body) > MAX_BODY_BYTES:
        raise NotARing("it is too long")
    try:
        parts = json.loads(bytes(body) if isinstance(body, memoryview) else body)
    except (ValueError, RecursionError) as error:
        raise NotARing("it is not JSON") from error
    match parts:
        case [[str(queue), str(job_id)], _, _] if len(queue) <= MAX_TEXT and len(job_id) <= MAX_TEXT:
            return queue, job_id
    raise NotARing("it has other arguments")


def rewrite(message: Any, queue: str, job_id: str) -> None:
    """Write the message anew, so that Celery reads nothing of the sender's: no time, no retries, no address for an answer."""
    task_id = str(uuid.uuid4())
    message.headers = {"lang": "py", "task": RING_TASK, "id": task_id, "root_id": task_id}
    message.properties = {"correlation_id": task_id}
    message.content_type, message.content_encoding = JSON, "utf-8"
    message.body = json.dumps([[queue, job_id], {}, {}]).encode()
    message._decoded_cache = None  # what `payload` returns; written with the body


class Dropped:
    """Counts what is dropped and logs it, at most once a minute: a flood must not fill a disk."""

    def __init__(self) -> None:
        self._metrics: Metrics | None = None
        self._count = 0
        self._logged_at = float("-inf")

    def note(self, reason: str) -> None:
        """One more message was dropped."""
        # Made with the first message: the directory that a worker's processes share is not known earlier.
        self._metrics = self._metrics or Metrics()
        self._metrics.messages_dropped.inc()
        self._count += 1
        moment = time.monotonic()
        if moment - self._logged_at >= LOG_SECONDS:
            log.warning("messages dropped that are not rings", reason=reason, count=self._count)
            self._count, self._logged_at = 0, moment


DROPPED = Dropped()


class RingConsumer(Consumer):
    """Celery's consumer, which passes rings on and drops everything else."""

    def create_task_handler(self, *arguments: Any, **options: Any) -> Callable[[Message], None]:
        """The handler that gets each message, of which nothing has been decoded."""
        handle = super().create_task_handler(*arguments, **options)

        def on_message(message: Message) -> None:
            try:
                ring = ring_of(message.headers, message.content_type, message.body)
            except NotARing as error:
                self._drop(message, str(error))
                return
            rewrite(message, *ring)
            handle(message)

        return cast("Callable[[Message], None]", on_message)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Called for a message that kombu could not read. Its body may be anything, so it is not logged."""
        self._drop(message, f"it cannot be read: {type(exc).__name__}")

    def _drop(self, message: Any, reason: str) -> None:
        if isinstance(message, Message):
            errors = cast("Any", self).connection_errors  # set by a base class, which the stubs do not know
            message.reject_log_error(logging.getLogger(__name__), errors)
        else:
            # As the AMQP library delivered it: kombu failed before it had made a message of its own.
            message.channel.basic_reject(message.delivery_tag, requeue=False)
        DROPPED.note(reason)


def prepare_broker_library() -> None:
    """Take from kombu what a message could use against its reader; called before the worker connects."""
    # A compressed body of a few bytes can be gigabytes, and kombu unpacks it before any limit counts. No ring is compressed.
    library = cast("Any", compression)
    for name in library.encoders():
        encoder, content_type = library.get_encoder(name)
        library.register(encoder, _refuse_compressed, content_type)
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = "jobs.worker.redis_rings:Transport"
    TRANSPORT_ALIASES["sentinel"] = "jobs.worker.redis_rings:SentinelTransport"


def _refuse_compressed(_: bytes) -> bytes:
    raise NotARing("it is compressed")
