"""What all schemas share: an unknown field in a request is an error, and every value has bounds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer
from pydantic_core import CoreSchema, core_schema

MAX_VERSION = (1 << 31) - 1
"""The largest INTEGER of the database."""
MAX_ID_CHARACTERS = 255


class Request(BaseModel):
    """A request body."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ResponseBody(BaseModel):
    """A response body. Every field is always present, also one with a default."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


@dataclass(frozen=True)
class OneOf:
    """Like `Literal`, for names from a table: `Annotated[str, OneOf(TABLE)]`."""

    names: Iterable[str]

    def __get_pydantic_core_schema__(self, *_: Any) -> CoreSchema:
        return core_schema.literal_schema(list(self.names))


def rfc3339(value: datetime) -> str:
    """UTC with microseconds and a `Z`, so that times sort as text."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Time = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
"""An aware datetime, written as RFC 3339 in UTC."""


def _encodable(value: str) -> str:
    if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise ValueError("half of a surrogate pair is not a character")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        value = value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be in the years 1970 to 9999, in UTC") from None
    if value.year < 1970:
        raise ValueError("must be in the years 1970 to 9999, in UTC")
    return value


Text = Annotated[str, AfterValidator(_encodable)]
"""Text that can be stored and sent again, which JSON alone does not guarantee."""
ShortText = Annotated[Text, Field(max_length=MAX_ID_CHARACTERS)]
"""An id or a registered name."""
VersionNumber = Annotated[int, Field(ge=1, le=MAX_VERSION)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A time that every time zone and database can represent."""


Item = TypeVar("Item")


class Page(ResponseBody, Generic[Item]):
    """Some items, and in `next` the cursor of the following page; null on the last page."""

    items: list[Item]
    next: str | None

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """`DatasetPage` in the OpenAPI document."""
        item: str = getattr(params[0], "__name__", str(params[0]))
        return f"{item.removesuffix('Object')}Page"


class FieldError(ResponseBody):
    """One field and what is wrong with it."""

    field: str
    reason: str


class Problem(ResponseBody):
    """Why a request failed. `code` is stable; `detail` names the field and the cure.

    `storage` is the storage that failed, if one did; its check shows the reason.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] | None = None
    storage: str | None = None
