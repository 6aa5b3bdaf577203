"""Registered storages, without their secrets; the requests that register and change them; their entries."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from datacenter.settings.model import Role
from datacenter.web.schemas.base import Request, ResponseBody, ShortText, Text, Time

MAX_NUMBER = 1 << 53
MAX_OPTIONS = 64
MAX_PROJECTS = 1000
MAX_NAME_CHARACTERS = 64
MAX_OPTION_CHARACTERS = 8192


def _printable(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise ValueError("control characters, and spaces at either end, are not allowed")
    return value


def _option_value(value: Any) -> str | int | bool:
    # Not a union of types, whose errors would name the member and not only the option.
    if isinstance(value, str):
        if len(value) > MAX_OPTION_CHARACTERS or "\0" in value:
            raise ValueError(f"must have at most {MAX_OPTION_CHARACTERS} characters, and no NUL")
        if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
            raise ValueError("half of a surrogate pair is not a character")
        return value
    if isinstance(value, int) and abs(value) <= MAX_NUMBER:
        return value
    raise ValueError("must be text, a whole number, true or false")


NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"
OPTION_NAME = "[A-Za-z][A-Za-z0-9_]*"


def _matching(pattern: str, characters: str) -> AfterValidator:
    """Rejects a value that does not match, with a sentence: few people read patterns."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value) or len(value) > MAX_NAME_CHARACTERS:
            raise ValueError(f"must be 1 to {MAX_NAME_CHARACTERS} characters: {characters}")
        return value

    return AfterValidator(check)


def _shape(pattern: str) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARACTERS, "pattern": f"^{pattern}$"}
    )


Name = Annotated[str, _matching(NAME, "A-Z, a-z, 0-9, and after the first also . _ -"), _shape(NAME)]
OptionName = Annotated[
    str, _matching(OPTION_NAME, "A-Z, a-z, and after the first also 0-9 _"), _shape(OPTION_NAME)
]
Printable = Annotated[Text, AfterValidator(_printable)]
Url = Annotated[Printable, Field(min_length=1, max_length=1024)]
OptionText = Annotated[
    Any,
    AfterValidator(_option_value),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]}),
]
Projects = Annotated[list[ShortText], Field(max_length=MAX_PROJECTS)]
Options = Annotated[dict[OptionName, OptionText], Field(max_length=MAX_OPTIONS)]


class NewStorageRequest(Request):
    """A storage to register; options whose names say that they are secrets are stored encrypted."""

    name: Name
    kind: Annotated[Text, Field(min_length=1, max_length=32)]
    url: Url = Field(description="Without a password: secrets are options.")
    role: Role = "platform"
    options: Options = Field(default_factory=dict)
    shared: bool = Field(False, description="Shared with all projects; for operators.")
    projects: Projects | None = Field(None, description="Shared with these projects; for operators.")


class StorageChangeRequest(Request):
    """The fields to change."""

    role: Role | None = None
    url: Url | None = None
    options: Options | None = Field(
        None, description="Replaces all options; a secret given as `***` stays as it is."
    )
    shared: Literal[True] | None = Field(None, description="Shared with all projects; for operators.")
    projects: Projects | None = Field(None, description="Shared with these projects alone; for operators.")


class StorageObject(ResponseBody):
    """A place where datasets are stored or imported from; secrets are shown as `***`."""

    name: str
    kind: str
    role: Role
    url: str
    options: dict[str, str | int | bool]
    state: Literal["REGISTERED"]
    shared: bool
    projects: list[str] | None
    created_by: str | None


class HealthObject(ResponseBody):
    """Whether a storage does what it is registered for; `detail` is a sentence a person can act on."""

    ok: bool
    detail: str


class EntryObject(ResponseBody):
    """An object, or a prefix that objects share; `key` is the full key, `name` its last segment."""

    name: str
    key: str
    kind: Literal["prefix", "object"]
    size_bytes: int | None
    modified_at: Time | None
