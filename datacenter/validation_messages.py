"""Words: what pydantic finds wrong with a value, told to people; the same for settings and for requests."""

from collections.abc import Callable, Mapping
from typing import Any

Context = Mapping[str, Any]
Messages = Mapping[str, Callable[[Context], str]]
"""By pydantic's type of error; what is said follows the name of the value."""

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


def message_for(kind: str, context: Context, words: Messages, otherwise: str) -> str:
    """What is wrong in the words of the table, or `otherwise`, which are pydantic's, if it has none for this."""
    found = words.get(kind)
    return found(context) if found else otherwise


def _number(value: float) -> str:
    """Without the `.0` of a whole number, and every digit of a large one."""
    return str(int(value)) if value == int(value) else f"{value:g}"


_OBJECT = "must be a JSON object"
_TIME = "must be a time with its zone, as 2026-01-31T12:00:00Z"
_URL = "must be a URL, as https://host/path"


def _counted(context: Context, bound: str, noun: str = "") -> str:
    """`255 characters`, `1 item`."""
    # Of a text that a validator of ours has seen before pydantic does not say that it is one.
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
"""A type that is not here is told in pydantic's own words."""
