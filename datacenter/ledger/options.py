"""What any request that starts a job may ask for besides."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class JobOptions:
    """When a job may begin, after which others, whom it tells, and how urgent it is."""

    not_before: datetime | None = None
    after: tuple[str, ...] = ()
    notify: tuple[dict[str, Any], ...] = ()
    priority: int = 0
    """From -100 to 100; higher is served first."""
