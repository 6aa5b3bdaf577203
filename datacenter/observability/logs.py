"""Logs: one line an event, JSON in production, on standard error, without secrets.

All lines have the same format: ours, uvicorn's, Celery's, SQLAlchemy's, warnings, and uncaught exceptions.
Each line has the ids that are bound to the context: request, job and shard.
"""

import logging
import sys
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any

import structlog

from datacenter.observability.redaction import Redactor, passwords_in
from datacenter.settings.model import Settings

QUIET = ("celery", "kombu", "amqp", "uvicorn.access")
log = structlog.get_logger(__name__)


_redactor = Redactor()


def redact_in_logs(secrets: Iterable[object]) -> None:
    """Redact these secrets in all further log lines of this process."""
    _redactor.add(secrets)


def configure_logs(settings: Settings) -> None:
    """Configure structlog and the standard library's loggers of this process in the same way."""
    redact_in_logs(_secrets_of(settings))
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer(settings)],
            foreign_pre_chain=shared,
        )
    )
    # If a line cannot be written, logging would print the current exception without redaction.
    logging.raiseExceptions = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for noisy in QUIET:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _renderer(settings: Settings) -> structlog.typing.Processor:
    production = settings.environment == "production"
    render: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if production
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    return lambda logger, name, event: _redactor.redact(render(logger, name, event))


def _secrets_of(settings: Settings) -> set[str]:
    """The secrets in the settings; a storage's secrets are added when it is opened."""
    secrets = {settings.web.secret_key.get_secret_value()}
    secrets |= {key.get_secret_value() for key in settings.registration.keys}
    for url in (settings.database.url, settings.broker.url):
        secrets |= set(passwords_in(url))
    return secrets


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("uncaught exception: the process ends", exc_info=(kind, error, trace))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        error = (args.exc_type, args.exc_value, args.exc_traceback)
        log.error(
            "uncaught exception: a thread ends", thread=args.thread and args.thread.name, exc_info=error
        )
