"""The command `datacenter-scheduler`: relay and sweep. Two of them do no harm; one is enough."""

import signal
import sys
import threading
import time
from collections.abc import Callable

import structlog
import typer
from sqlalchemy.exc import SQLAlchemyError

from datacenter.datasets.resources import Resources, open_resources
from datacenter.errors import SettingsInvalid
from datacenter.liveness import Role, SignOfLife
from datacenter.logs import configure_logs
from datacenter.migrations import require_schema
from datacenter.settings import load_settings
from jobs.relay import notify_once, relay_once
from jobs.sweep import remove_litter, sweep_once

log = structlog.get_logger(__name__)


def run(resources: Resources, stop: threading.Event, sign: SignOfLife | None = None) -> None:
    """Relay and sweep in turn until told to stop; what fails in one turn is met again in the next.

    Webhooks and storages have threads of their own: whoever answers slowly must not keep leases and retries waiting.
    """
    settings = resources.settings.ledger
    for work, pause in ((notify_once, settings.relay_seconds), (remove_litter, settings.sweep_seconds)):
        beside = threading.Thread(
            target=_repeat, args=(work, resources, stop, pause), name=work.__name__, daemon=True
        )
        beside.start()
    swept = float("-inf")
    while not stop.is_set():
        if sign is not None:
            sign.give()
        try:
            relay_once(resources)
            if time.monotonic() - swept >= settings.sweep_seconds:
                sweep_once(resources)
                swept = time.monotonic()
        except SQLAlchemyError as error:
            log.warning("database unavailable", reason=str(error))
        except Exception:
            # One bad row must not end the repair of all others.
            log.exception("a turn failed")
        stop.wait(settings.relay_seconds)


def _repeat(
    work: Callable[[Resources], object], resources: Resources, stop: threading.Event, pause_seconds: float
) -> None:
    while not stop.is_set():
        try:
            work(resources)
        except Exception:
            log.exception("a turn failed", work=work.__name__)
        stop.wait(pause_seconds)


def schedule() -> None:
    """Relay missed rings and sweep what has run out until told to stop; two of them do no harm, one is enough."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings = load_settings()
        configure_logs(settings)
        resources = open_resources(settings)
        require_schema(resources.database)
        sign = SignOfLife(settings.health, Role.SCHEDULER)
    except SettingsInvalid as error:
        print(f"datacenter-scheduler: {error.detail}", file=sys.stderr)
        raise SystemExit(2) from error
    log.info("the scheduler runs")
    try:
        run(resources, stop, sign)
    finally:
        resources.close()


def main() -> None:
    """Entry point of the command."""
    typer.run(schedule)


if __name__ == "__main__":
    main()
