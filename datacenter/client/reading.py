"""JSON to the client's objects: times become datetimes, lists tuples, nested objects dataclasses."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import datetime
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from datacenter.client.errors import ClientError

T = TypeVar("T")


def read(kind: type[T], data: Any) -> T:
    """The object that `data` describes; a field the server left out takes its default.

    Raises:
        ClientError: the answer does not fit this API.
    """
    if not isinstance(data, Mapping):
        raise ClientError(
            f"the server's answer is not a {kind.__name__.lower()}; check that this is the address of a data centre"
        )
    hints = get_type_hints(kind)
    try:
        return kind(**{name: _convert(hint, data[name]) for name, hint in hints.items() if name in data})
    except (TypeError, ValueError) as error:
        raise ClientError(f"the server's answer is not a {kind.__name__.lower()}: {error}") from error


def _convert(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(hint, UnionType):
        hint = next(member for member in get_args(hint) if member is not type(None))
    if hint is datetime:
        return datetime.fromisoformat(value)
    if is_dataclass(hint) and isinstance(hint, type):
        return read(hint, value)
    return tuple(value) if get_origin(hint) is tuple else value
