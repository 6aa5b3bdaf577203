"""Logs: one line an event, JSON in production, on standard error, and no secret in any of them.

Everybody's lines go the same way: ours, uvicorn's, Celery's, SQLAlchemy's, warnings, and exceptions that nobody caught.
What is bound to the context, the ids of request, job and shard, stands in every line.
"""

import json
import logging
import re
import sys
import threading
from collections.abc import Iterable
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog

from datacenter.settings.model import Settings

HIDDEN = "***"
SHORTEST_HIDDEN = 4
"""A shorter secret would be found by chance in any sentence, and tell less by being left in than by its places."""
QUIET = ("celery", "kombu", "amqp", "uvicorn.access")
log = structlog.get_logger(__name__)


class Curtain:
    """Hides secrets in lines of text; more of them become known while a process runs."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def add(self, secrets: Iterable[str]) -> None:
        """Hide these from now on, as they are and as JSON writes them."""
        new = {secret for secret in secrets if len(secret) >= SHORTEST_HIDDEN} - self._secrets
        if new:
            self._secrets |= new
            written = {form for secret in self._secrets for form in (secret, _as_json(secret))}
            longest_first = sorted(written, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def draw(self, line: str) -> str:
        """The line without them."""
        return self._pattern.sub(HIDDEN, line) if self._pattern else line


_curtain = Curtain()


def hide(secrets: Iterable[str]) -> None:
    """Let no line of this process hold one of these secrets."""
    _curtain.add(secrets)


def configure_logs(settings: Settings) -> None:
    """Set up structlog and the standard library's loggers alike for this process."""
    hide(_secrets_of(settings))
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
    # For a line that cannot be written, logging would print what is being handled, past the curtain.
    logging.raiseExceptions = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for noisy in QUIET:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _tell_end
    threading.excepthook = _tell_end_of_thread


def _renderer(settings: Settings) -> structlog.typing.Processor:
    production = settings.environment == "production"
    render: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if production
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    return lambda logger, name, event: _curtain.draw(render(logger, name, event))


def _secrets_of(settings: Settings) -> set[str]:
    """Those that are in the settings; whoever opens a storage adds the storage's."""
    given = {settings.web.secret_key.get_secret_value()}
    given |= {key.get_secret_value() for key in settings.registration.keys}
    for url in (settings.database.url, settings.broker.url):
        password = urlsplit(url).password
        given |= {password, unquote(password)} if password else set()
    return given


def _as_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _tell_end(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    log.critical("the process ends by an error", exc_info=(kind, error, trace))


def _tell_end_of_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        told = (args.exc_type, args.exc_value, args.exc_traceback)
        log.error("a thread ends by an error", thread=args.thread and args.thread.name, exc_info=told)
