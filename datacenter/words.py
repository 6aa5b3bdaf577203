"""Words: what pydantic finds wrong with a value, told to people; the same for settings and for requests."""

from collections.abc import Callable, Mapping
from typing import Any

Context = Mapping[str, Any]
Words = Mapping[str, Callable[[Context], str]]
"""By pydantic's type of error; what is said follows the name of the value."""

WORDS: Words = {
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


def in_words(kind: str, context: Context, words: Words, otherwise: str) -> str:
    """What is wrong in the words of the table, or `otherwise`, which are pydantic's, if it has none for this."""
    found = words.get(kind)
    return found(context) if found else otherwise


def _number(value: float) -> str:
    """Without the `.0` of a whole number, and every digit of a large one."""
    return str(int(value)) if value == int(value) else f"{value:g}"
