"""The command `datacenter-scheduler`: relay and sweep. One scheduler is enough; two do no harm."""

import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector
from sqlalchemy.exc import SQLAlchemyError

from datacenter.database.diagnosis import cause_of, trouble_of
from datacenter.datasets.resources import Resources, open_resources
from datacenter.errors import SettingsInvalid
from datacenter.ledger.gauges import LedgerCollector
from datacenter.observability.liveness import Role, SignOfLife, require_life
from datacenter.observability.metrics import register_build_info, serve_metrics_and_health
from datacenter.settings.sources.flags import ConfigOption, SetOption
from datacenter.startup import remember_platforms, run_command, settings_for, wait_for_database
from jobs.scheduler.relay import notify_once, relay_once
from jobs.scheduler.sweep import remove_litter, sweep_once

log = structlog.get_logger(__name__)


def run(resources: Resources, stop: threading.Event, sign: SignOfLife | None = None) -> None:
    """Relay and sweep in turn until `stop` is set; work that fails in one turn is tried again in the next.

    Webhooks and storages have threads of their own: a slow receiver or storage must not delay leases and retries.
    """
    settings = resources.settings.ledger
    threads = (
        ("notify", notify_once, settings.relay_seconds),
        ("litter", remove_litter, settings.sweep_seconds),
    )
    for name, work, pause in threads:
        arguments = (name, work, resources, stop, pause)
        threading.Thread(target=_repeat, args=arguments, name=name, daemon=True).start()
    swept = float("-inf")
    while not stop.is_set():
        if sign is not None:
            sign.give()
        _turn("relay", relay_once, resources)
        if time.monotonic() - swept >= settings.sweep_seconds and _turn("sweep", sweep_once, resources):
            swept = time.monotonic()
        stop.wait(settings.relay_seconds)


def _repeat(
    name: str,
    work: Callable[[Resources], object],
    resources: Resources,
    stop: threading.Event,
    pause_seconds: float,
) -> None:
    while not stop.is_set():
        _turn(name, work, resources)
        stop.wait(pause_seconds)


def _turn(name: str, work: Callable[[Resources], object], resources: Resources) -> bool:
    """Run the work once; returns whether it succeeded."""
    outcome = "failed"
    try:
        work(resources)
        outcome = "ok"
    except Exception as error:
        # One bad row must not stop the repair of all others.
        if isinstance(error, SQLAlchemyError) and cause_of(error) is not None:
            reason = trouble_of(error, resources.settings.database.url).reason
            log.warning("database unavailable", work=name, reason=reason)
        else:
            log.exception("turn failed", work=name)
    resources.metrics.turns.labels(name, outcome).inc()
    return outcome == "ok"


def schedule(config: ConfigOption = None, assignments: SetOption = None) -> None:
    """Relay missed rings and sweep expired data until a signal stops it. One scheduler is enough; two do no harm."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = settings_for(config, assignments)
        wait_for_database(settings.database)
        remember_platforms(settings)
        resources = open_resources(settings)
        sign = SignOfLife(settings.health, Role.SCHEDULER)
        life = partial(require_life, settings.health, Role.SCHEDULER)
        serve_metrics_and_health(settings.metrics, _metrics_registry(resources), life)
    except SettingsInvalid as error:
        print(f"datacenter-scheduler: {error.message()}", file=sys.stderr)
        raise SystemExit(2) from error
    log.info("scheduler started")
    try:
        run(resources, stop, sign)
        sign.end()
    finally:
        resources.close()


def _metrics_registry(resources: Resources) -> CollectorRegistry:
    """The metrics of this process, and the ledger's gauges, which only the scheduler exports."""
    registry = resources.metrics.registry
    register_build_info(registry, "scheduler")
    ProcessCollector(registry=registry)
    registry.register(LedgerCollector(resources.database))
    return registry


def main() -> None:
    """Entry point of the command."""
    run_command(schedule)
