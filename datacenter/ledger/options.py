"""Job options: what every request that starts a job may add."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """When a job may begin, after which other jobs, its webhooks, and its priority."""

    not_before: datetime | None = None
    after: tuple[str, ...] = ()
    notify: tuple[dict[str, Any], ...] = ()
    priority: int = 0
    """From -100 to 100; higher is served first."""
