"""Outcomes: which of many deletes failed."""

from collections.abc import Iterable

from storage_adapters.contract import DeleteOutcome


def failures(outcomes: Iterable[DeleteOutcome]) -> list[DeleteOutcome]:
    """Those that have an error."""
    return [outcome for outcome in outcomes if outcome.error is not None]
