"""Projects, tokens, and who sends a request."""

from typing import Annotated

from pydantic import Field

from datacenter.access.projects import MAX_WEIGHT
from datacenter.access.roles import Role
from datacenter.web.schemas.base import Moment, Request, ResponseBody, Time
from datacenter.web.schemas.storages import Printable

Name = Annotated[Printable, Field(min_length=1, max_length=128)]
Weight = Annotated[int, Field(ge=1, le=MAX_WEIGHT)]


class MeObject(ResponseBody):
    """Who sends this request, with which rights."""

    who: str
    subject: str
    role: Role
    operator: bool
    project: str
    expires_at: Time | None


class NewTokenRequest(Request):
    """A token of the caller's project."""

    name: Name = Field(description="What the token is for.")
    role: Role = Field(description="At most the caller's own.")
    operator: bool = Field(
        False, description="Also an operator of the installation; only operators may give it."
    )
    expires_at: Moment | None = Field(
        None, description="From then on it is invalid; without it, it does not expire."
    )


class TokenObject(ResponseBody):
    """A token without its secret."""

    id: str
    name: str
    project: str
    role: Role
    operator: bool
    created_by: str | None
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None
    revoked_at: Time | None


class NewTokenObject(TokenObject):
    """A new token. Its secret is in no other response."""

    secret: str


class NewProjectRequest(Request):
    """A project to create."""

    name: Name
    weight: Weight = Field(1, description="Its share of the workers while several projects wait.")


class ProjectChangeRequest(Request):
    """The fields to change."""

    name: Name | None = None
    weight: Weight | None = None


class ProjectObject(ResponseBody):
    """An owner of datasets, jobs, tokens and storages."""

    id: str
    name: str
    weight: int
    created_at: Time


class NewProjectObject(ProjectObject):
    """A new project with the first token of its administrator, whose secret is in no other response."""

    token: NewTokenObject


class AuditObject(ResponseBody):
    """One change, or one refused request. `result` is `done`, or the code of the refusal."""

    id: str
    at: Time
    project: str | None
    who: str
    subject: str | None
    address: str | None
    action: str
    object_kind: str | None
    object: str | None
    result: str
    request_id: str | None
