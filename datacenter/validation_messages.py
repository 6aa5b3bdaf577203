"""Validation messages: pydantic's errors as plain sentences, the same for settings and for requests."""

from collections.abc import Callable, Mapping
from typing import Any

Context = Mapping[str, Any]
Messages = Mapping[str, Callable[[Context], str]]
"""By pydantic's error type; each message follows the name of the value."""

MESSAGES: Messages = {
    "bool_parsing": lambda _: "must be true or false",
    "bool_type": lambda _: "must be true or false",
    "finite_number": lambda _: "must be a finite number",
    "float_parsing": lambda _: "must be a number",
    "float_type": lambda _: "must be a number",
    "greater_than": lambda context: f"must be more than {_number(context['gt'])}",
    "greater_than_equal": lambda context: f"must be {_number(context['ge'])} or more",
    "int_from_float": lambda _: "must be a whole number",
    "int_parsing": lambda _: "must be a whole number",
    "int_parsing_size": lambda _: "is too large a number",
    "int_type": lambda _: "must be a whole number",
    "less_than": lambda context: f"must be less than {_number(context['lt'])}",
    "less_than_equal": lambda context: f"must be {_number(context['le'])} or less",
    "list_type": lambda _: "must be a list",
    "literal_error": lambda context: f"must be {context['expected']}",
    "tuple_type": lambda _: "must be a list",
    "value_error": lambda context: str(context["error"]),
}


def message_for(kind: str, context: Context, messages: Messages, otherwise: str) -> str:
    """The table's message for this error type, or `otherwise`, pydantic's own, if the table has none."""
    message = messages.get(kind)
    return message(context) if message else otherwise


def _number(value: float) -> str:
    """Without the `.0` of a whole number, and every digit of a large one."""
    return str(int(value)) if value == int(value) else f"{value:g}"


_OBJECT = "must be a JSON object"
_TIME = "must be a time with a time zone, like 2026-01-31T12:00:00Z"
_URL = "must be a URL like https://host/path"


def _counted(context: Context, bound: str, noun: str = "") -> str:
    """`255 characters`, `1 item`."""
    # If one of our validators ran first, pydantic does not report that the value is text.
    noun = noun or ("item" if context["field_type"] in ("List", "Dictionary") else "character")
    return f"{context[bound]} {noun}{'' if context[bound] == 1 else 's'}"


REQUEST_MESSAGES: Messages = {
    **MESSAGES,
    "datetime_from_date_parsing": lambda context: f"{_TIME}; {context['error']}",
    "datetime_parsing": lambda context: f"{_TIME}; {context['error']}",
    "datetime_type": lambda _: _TIME,
    "dict_type": lambda _: _OBJECT,
    "enum": lambda context: f"must be {context['expected']}",
    "extra_forbidden": lambda _: "there is no such field",
    "json_invalid": lambda context: f"is not JSON: {context['error']}",
    "missing": lambda _: "is missing",
    "model_attributes_type": lambda _: _OBJECT,
    "model_type": lambda _: _OBJECT,
    "string_too_long": lambda context: f"must have at most {_counted(context, 'max_length', 'character')}",
    "string_too_short": lambda context: f"must have at least {_counted(context, 'min_length', 'character')}",
    "string_type": lambda _: "must be text",
    "string_unicode": lambda _: "half of a surrogate pair is not a character",
    "timezone_aware": lambda _: _TIME,
    "too_long": lambda context: f"must have at most {_counted(context, 'max_length')}",
    "too_short": lambda context: f"must have at least {_counted(context, 'min_length')}",
    "url_parsing": lambda context: f"{_URL}; {context['error']}",
    "url_scheme": lambda context: f"must be a URL that begins with {context['expected_schemes']}",
    "url_type": lambda _: _URL,
}
"""For a type that is not here, pydantic's own message is used."""
