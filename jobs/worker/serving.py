"""`datacenter-worker` after its signal handlers are set (`__main__.py`): read settings, wait for the database, serve queues."""

import os
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import structlog
import typer
from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import worker_init

from datacenter.errors import SettingsInvalid
from datacenter.ledger.broker_diagnosis import check_broker
from datacenter.ledger.states import QUEUES
from datacenter.observability.liveness import Role, require_life
from datacenter.settings.model import Settings
from datacenter.settings.sources.flags import ConfigOption, SetOption
from datacenter.startup import remember_platforms, settings_for, wait_for_database
from jobs.worker.celery_app import create_app
from jobs.worker.process_metrics import serve_worker_metrics
from jobs.worker.rings import prepare_broker_library
from jobs.worker.stopping import STOP

log = structlog.get_logger(__name__)


def work(
    queues: Annotated[str, typer.Option(help="Queues to serve, separated by commas.")] = ",".join(QUEUES),
    concurrency: Annotated[int, typer.Option(min=1, help="Processes, each with one shard at a time.")] = (
        os.cpu_count() or 1
    ),
    config: ConfigOption = None,
    assignments: SetOption = None,
) -> None:
    """Serve queues until a signal stops it; after SIGTERM it finishes or hands back its shards and exits with 0."""
    wanted = [name.strip() for name in queues.split(",") if name.strip()]
    unknown = sorted(set(wanted) - set(QUEUES))
    if unknown or not wanted:
        _refuse(
            f"--queues: there is no queue {', '.join(unknown) or 'given'}; queues are {', '.join(QUEUES)}"
        )
    prepare_broker_library()
    settings = _settings(config, assignments)
    try:
        app = create_app(settings, wanted, STOP)
        life = partial(require_life, settings.health, Role.WORKER)
        with serve_worker_metrics(settings.metrics, concurrency, life):
            _start(app, settings, wanted, concurrency)
    except SettingsInvalid as error:
        _refuse(error.message())


def _start(app: Celery, settings: Settings, wanted: list[str], concurrency: int) -> None:
    # Celery warns about root because of pickle, which no message here may use; the user is up to the deployment.
    warnings.simplefilter("ignore", SecurityWarning)
    started: list[Any] = []
    worker_init.connect(lambda sender, **_: started.append(sender), weak=False)
    app.start(
        [
            "--quiet",
            "worker",
            f"--queues={','.join(f'{settings.broker.prefix}.{name}' for name in wanted)}",
            f"--concurrency={concurrency}",
            "--pool=prefork",
            # RabbitMQ keeps a control queue for each name: two workers of one name on a host would stop each other.
            f"--hostname={settings.broker.prefix}-{os.getpid()}@%h",
            "--without-gossip",
            "--without-mingle",
            "--loglevel=WARNING",
        ]
    )
    # Celery returns from here also after a crash, which it has logged; a supervisor looks at the exit code.
    code = next((worker.exitcode for worker in started), 1)
    if code:
        raise SystemExit(code)


def _settings(config: Path | None, assignments: list[str] | None) -> Settings:
    try:
        settings = settings_for(config, assignments)
        wait_for_database(settings.database)
        remember_platforms(settings)
        silence = check_broker(settings.broker)
    except SettingsInvalid as error:
        _refuse(error.message())
    if silence is not None:
        # Celery waits for it as long as needed: the queue is in the database, so nothing is lost meanwhile.
        log.warning("waiting for the broker", reason=silence)
    return settings


def _refuse(reason: str) -> NoReturn:
    print(f"datacenter-worker: {reason}", file=sys.stderr)
    raise SystemExit(2)
