"""The words for what is wrong with a request, where they are others than those for a setting: it is JSON, or a query."""

from datacenter.words import WORDS, Context, Words

_OBJECT = "must be a JSON object"
_TIME = "must be a time with its zone, as 2026-01-31T12:00:00Z"
_URL = "must be a URL, as https://host/path"


def _counted(context: Context, bound: str, noun: str = "") -> str:
    """`255 characters`, `1 item`."""
    # Of a text that a validator of ours has seen before pydantic does not say that it is one.
    noun = noun or ("item" if context["field_type"] in ("List", "Dictionary") else "character")
    return f"{context[bound]} {noun}{'' if context[bound] == 1 else 's'}"


REQUEST_WORDS: Words = {
    **WORDS,
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
