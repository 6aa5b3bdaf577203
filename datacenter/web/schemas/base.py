"""What all schemas share: an unknown field in a request is an error."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, PlainSerializer


class Request(BaseModel):
    """A request body."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """A response body."""

    model_config = ConfigDict(frozen=True)


def rfc3339(value: datetime) -> str:
    """UTC with microseconds and a `Z`, so that times sort as text."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


Time = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
"""An aware datetime, written as RFC 3339 in UTC."""
