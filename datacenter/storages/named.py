"""Named: a registered storage whose errors say the name that people know it by."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import MethodType
from typing import Any, cast

from storage_adapters.errors import StorageError
from storage_adapters.network.waiting import Check
from storage_adapters.table_storage.contract import TableStorage


class NamedStorage:
    """Passes each call on to an adapter, whichever contract it keeps.

    The errors that the adapter raises, and those within the outcomes that it yields, have the name as their
    `storage`, unless they came from another storage through this one.
    """

    def __init__(self, adapter: object, name: str) -> None:
        self._adapter = adapter
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._adapter, attribute)
        return partial(self._call, found) if isinstance(found, MethodType) else found

    def watched(self, check: Check) -> "NamedStorage":
        """The same storage of tables, watched; see `TableStorage`."""
        return NamedStorage(cast(TableStorage, self._adapter).watched(check), self._name)

    def _call(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        with naming(self._name):
            answer = method(*arguments, **named)
        return self._each(answer) if isinstance(answer, Iterator) else answer

    def _each(self, answers: Iterator[Any]) -> Iterator[Any]:
        with naming(self._name):
            for answer in answers:
                # The deletes of a prefix yield a list of outcomes for each step.
                for outcome in answer if isinstance(answer, list) else [answer]:
                    error = getattr(outcome, "error", None)
                    if isinstance(error, StorageError):
                        error.storage = error.storage or self._name
                yield answer


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Storage errors that are raised within have the name as their `storage` unless they have one."""
    try:
        yield
    except StorageError as error:
        error.storage = error.storage or name
        raise
