"""For every test: shared test code is importable, logs reach `caplog`, and hypothesis does not depend on the speed of the machine."""

import os
import sys
from pathlib import Path

import structlog
from hypothesis import settings

from storage_adapters.registry import ADAPTERS, AdapterEntry

# Importlib mode does not change sys.path; shared modules of tests are in this directory.
sys.path.insert(0, str(Path(__file__).parent))

# Log events reach `caplog` with their bound values, and are not printed.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(key_order=["event"]),
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
)

# A storage without a disk or a server, for tests only.
from support.storages.url_places import url_places  # noqa: E402 - found only now

ADAPTERS["memory"] = AdapterEntry(
    target="support.storages.memory:MemoryStorage", install="part of the tests", places=url_places
)

settings.register_profile("laptop", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=50, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "laptop")
