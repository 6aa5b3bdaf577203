"""Rings from Redis: an entry of a list is the whole message as JSON, which kombu reads before there is a message to reject.

These are kombu's transports, with an envelope that is checked and written anew before kombu reads it.
"""

import base64
import json
import uuid
from typing import Any

from kombu.transport import redis

from datacenter.ledger.doorbell import RING_TASK
from jobs.worker.rings import DROPPED, JSON, MAX_BODY_BYTES, NotARing, ring_of

REMOTE_CONTROL = ".pidbox"
"""The end of the names of the queues of Celery's remote control."""
MAX_ENTRY_CHARACTERS = 4 * MAX_BODY_BYTES
"""An envelope has the body in base64, headers and properties: about a thousand characters."""


def envelope_of(entry: object, queue: str) -> dict[str, Any]:
    """The envelope of a ring, which holds nothing of the entry but the ring. Raises: NotARing."""
    if not isinstance(entry, dict):
        raise NotARing("it is not a message")
    properties, body = entry.get("properties"), entry.get("body")
    if not isinstance(properties, dict) or not isinstance(body, str):
        raise NotARing("it is not a message")
    if properties.get("body_encoding") == "base64":
        try:
            body = base64.b64decode(body, validate=True)
        except ValueError as error:
            raise NotARing("it cannot be read") from error
    ring = ring_of(entry.get("headers"), entry.get("content-type"), body)
    task_id = str(uuid.uuid4())
    return {
        "body": base64.b64encode(json.dumps([list(ring), {}, {}]).encode()).decode(),
        "content-type": JSON,
        "content-encoding": "utf-8",
        "headers": {"lang": "py", "task": RING_TASK, "id": task_id, "root_id": task_id},
        "properties": {
            "body_encoding": "base64",
            "correlation_id": task_id,
            "delivery_tag": task_id,
            "delivery_info": {"exchange": "", "routing_key": queue},
            "delivery_mode": 2,
            "priority": 0,
        },
    }


def _loads(text: str) -> Any:
    """The JSON of an entry of a list; None if it is too long or no JSON. Nothing that comes from a broker may raise here."""
    if len(text) > MAX_ENTRY_CHARACTERS:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _text(value: object) -> str:
    """An entry as text; what is not UTF-8 has no JSON either."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


# Both are used there for what comes from the server, and raise within the worker's event loop.
vars(redis).update(loads=_loads, bytes_to_str=_text)


class Transport(redis.Transport):
    """Redis and Valkey: delivers rings, and drops other entries."""

    def _deliver(self, message: object, queue: str | None) -> None:
        if isinstance(message, dict) and (queue or "").endswith(REMOTE_CONTROL):
            super()._deliver(message, queue)  # subscribed to only with `worker.remote_control`
            return
        try:
            envelope = envelope_of(message, queue or "")
        except NotARing as error:
            DROPPED.note(str(error))
            return
        super()._deliver(envelope, queue)


class SentinelTransport(Transport):
    """Redis by Sentinel."""

    default_port = redis.SentinelTransport.default_port
    Channel = redis.SentinelChannel
