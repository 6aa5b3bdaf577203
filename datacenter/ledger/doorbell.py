"""The doorbell: a small message that makes the workers of a queue check the ledger."""

from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError

from datacenter.errors import DataCentreError
from datacenter.settings.model import BrokerSettings

RING_TASK = "datacenter.ring"
"""The only thing that the web layer knows about the worker's code."""


class BrokerUnavailable(DataCentreError):
    """The broker did not accept a message; the relay rings again."""

    code = "BROKER_UNAVAILABLE"
    cure = "Nothing is lost. Check the broker; jobs start once it is back."
    retryable = True


class Doorbell:
    """Rings queues. Thread-safe; a lost ring does no harm."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._prefix = settings.prefix
        self._celery = Celery("datacenter", broker=settings.url, set_as_current=False)
        self._celery.conf.update(broker_settings(settings))

    def ring(self, queue: str, job_id: str) -> None:
        """Ring once. Raises: BrokerUnavailable, within a second or two."""
        try:
            self._celery.send_task(
                RING_TASK,
                args=(queue, job_id),
                queue=broker_queue(self._prefix, queue),  # type: ignore[arg-type]  # the stubs know only names; Celery also accepts a Queue
                ignore_result=True,
                retry=True,
                retry_policy={"max_retries": 1, "interval_start": 0.05, "interval_step": 0},
            )
        except (OperationalError, OSError) as error:
            raise BrokerUnavailable(f"the broker did not accept the ring for {queue}: {error}") from error

    def close(self) -> None:
        """Close the connections to the broker."""
        self._celery.close()


def broker_queue(prefix: str, queue: str) -> Queue:
    """A queue as the sender and the worker declare it at the broker."""
    name = f"{prefix}.{queue}"
    return Queue(name, Exchange(prefix, type="direct"), routing_key=name)


def broker_settings(settings: BrokerSettings) -> dict[str, object]:
    """What sender and worker must agree on, and how long each waits for the broker."""
    amqp = settings.url.startswith(("amqp", "pyamqp"))
    timeouts: dict[str, object] = {"socket_timeout": 10, "socket_connect_timeout": 2}
    return {
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_ignore_result": True,
        "task_create_missing_queues": True,
        "task_default_queue": f"{settings.prefix}.default",
        # With confirmation: otherwise RabbitMQ may drop a message silently.
        "broker_transport_options": {"confirm_publish": True} if amqp else timeouts,
        "broker_connection_timeout": 2,
        "broker_pool_limit": 10,
    }
