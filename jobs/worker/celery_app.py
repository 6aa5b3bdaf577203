"""The Celery side of a worker: receives rings, and lets the engine claim shards from the ledger."""

import functools
import os
import socket

import structlog
from celery import Celery
from celery.signals import (
    setup_logging,
    worker_process_init,
    worker_process_shutdown,
    worker_shutting_down,
)

from datacenter.datasets.resources import open_resources
from datacenter.ledger.doorbell import RING_TASK, broker_queue, broker_settings
from datacenter.observability.liveness import Role, SignOfLife
from datacenter.observability.tracing import tracer
from datacenter.settings.model import Settings
from datacenter.startup import configure_tracing
from jobs.engine import memory
from jobs.engine.engine import Engine
from jobs.registry import runners
from jobs.worker.liveness import install_liveness
from jobs.worker.shutdown import ignore_end_signals, shutdown_step
from jobs.worker.stopping import StopFlag

log = structlog.get_logger(__name__)


def create_app(settings: Settings, queues: list[str], stop: StopFlag) -> Celery:
    """A Celery application whose one task serves the given queues.

    Rings are acknowledged as soon as they arrive: the work is in the ledger, and the sweep replaces a lost ring.
    So no ring is held while a shard runs, whatever the broker's timeouts are.
    """
    stop.grace_seconds = settings.worker.grace_seconds
    app = Celery("datacenter", broker=settings.broker.url, set_as_current=False)
    app.conf.update(broker_settings(settings.broker))
    app.conf.update(
        task_queues=[broker_queue(settings.broker.prefix, queue) for queue in queues],
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        worker_send_task_events=False,
        # With it, any client of the broker can stop a worker, change its queues, and read its settings.
        worker_enable_remote_control=settings.worker.remote_control,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_max_tasks_per_child=2_000,
    )

    install_liveness(app, SignOfLife(settings.health, Role.WORKER))

    @functools.cache
    def engine(process_id: int) -> Engine:
        owner = f"{socket.gethostname()}:{process_id}"
        configure_tracing(settings.tracing, "worker")
        resources = open_resources(settings)
        ready = Engine(
            resources,
            runners(),
            owner,
            stopping=stop.is_raised,
            must_stop=stop.grace_is_over,
            overdue=stop.is_overdue,
        )
        memory.prepare_allocator()
        return ready

    @app.task(name=RING_TASK, ignore_result=True)
    def ring(queue: str, job_id: str) -> None:
        # Any client of the broker can send a ring; a ring must not make this worker serve a queue it was not given.
        if queue in queues:
            engine(os.getpid()).work(queue)
        else:
            log.warning("ring ignored", queue=queue)

    @setup_logging.connect(weak=False)
    def keep_logs(**_: object) -> None:
        """Celery sets up no logging of its own if this signal has a receiver: ours is set up already."""

    @worker_process_shutdown.connect(weak=False)
    def send_spans(**_: object) -> None:
        tracer().close()

    @worker_process_init.connect(weak=False)
    def leave_signals_to_the_parent(**_: object) -> None:
        ignore_end_signals()

    @worker_shutting_down.connect(weak=False)
    def stop_claiming(**_: object) -> None:
        # Stopped by remote control, or by a signal just before our step has set its handlers.
        if not stop.is_raised():
            stop.raise_()

    app.steps["worker"].add(shutdown_step(stop, settings.broker, queues))
    return app
