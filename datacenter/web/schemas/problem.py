"""The body of every refusal (RFC 9457)."""

from datacenter.web.schemas.base import Answer


class FieldError(Answer):
    """One field and what is wrong with it."""

    field: str
    reason: str


class Problem(Answer):
    """Why a request was refused. `code` is stable; `detail` names the field and the cure.

    `storage` is the storage that could not do it, where one could not; its check tells why.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] | None = None
    storage: str | None = None
