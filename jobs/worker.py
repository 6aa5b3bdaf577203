"""The command `datacenter-worker`: a pod that serves some queues."""

import os
import sys
import warnings
from typing import Annotated

import typer
from celery import Celery
from celery.exceptions import SecurityWarning

from datacenter.database import Database
from datacenter.errors import SettingsInvalid
from datacenter.ledger.states import JobKind
from datacenter.logs import configure_logs
from datacenter.migrations import require_schema
from datacenter.settings import Settings, load_settings
from jobs.celery_app import create_app
from jobs.process_metrics import told_together
from jobs.stopping import StopFlag

QUEUES = [kind.value for kind in JobKind]


def work(
    queues: Annotated[str, typer.Option(help="Queues to serve, separated by commas.")] = ",".join(QUEUES),
    concurrency: Annotated[int, typer.Option(min=1, help="Processes, each with one shard at a time.")] = (
        os.cpu_count() or 1
    ),
) -> None:
    """Serve queues until told to stop; SIGTERM finishes or hands back what is held and exits 0."""
    wanted = [name.strip() for name in queues.split(",") if name.strip()]
    unknown = sorted(set(wanted) - set(QUEUES))
    if unknown or not wanted:
        _refuse(
            f"--queues: there is no queue {', '.join(unknown) or 'given'}; queues are {', '.join(QUEUES)}"
        )
    settings = _settings()
    configure_logs(settings)
    try:
        app = create_app(settings, wanted, StopFlag())
        with told_together(settings.metrics, concurrency):
            _start(app, settings, wanted, concurrency)
    except SettingsInvalid as error:
        _refuse(error.detail)


def _start(app: Celery, settings: Settings, wanted: list[str], concurrency: int) -> None:
    # Running as root is the pod's affair; what Celery warns of is pickle, which no message here may be.
    warnings.simplefilter("ignore", SecurityWarning)
    app.start(
        [
            "--quiet",
            "worker",
            f"--queues={','.join(f'{settings.broker.prefix}.{name}' for name in wanted)}",
            f"--concurrency={concurrency}",
            "--pool=prefork",
            # RabbitMQ keeps a control queue for each name: two workers of one name on a host would end one another.
            f"--hostname={settings.broker.prefix}-{os.getpid()}@%h",
            "--without-gossip",
            "--without-mingle",
            "--loglevel=WARNING",
        ]
    )


def _settings() -> Settings:
    try:
        settings = load_settings()
        database = Database(settings.database)
        require_schema(database)
        database.close()
    except SettingsInvalid as error:
        _refuse(error.detail)
    return settings


def _refuse(reason: str) -> None:
    print(f"datacenter-worker: {reason}", file=sys.stderr)
    raise SystemExit(2)


def main() -> None:
    """Entry point of the command."""
    typer.run(work)


if __name__ == "__main__":
    main()
