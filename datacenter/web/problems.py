"""Problems: the one table from error class to HTTP status, and the `application/problem+json` that clients read."""

import traceback
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Scope

from datacenter.database.diagnosis import cause_of
from datacenter.errors import (
    CodeMeaning,
    Conflict,
    DataCentreError,
    Forbidden,
    Gone,
    Invalid,
    KeyReused,
    LinkInvalid,
    Locked,
    NotFound,
    TooLarge,
    Unauthenticated,
)
from datacenter.storages.owners import shown_name
from datacenter.validation_messages import REQUEST_MESSAGES, message_for
from datacenter.web.calls import resources_of
from storage_adapters.errors import (
    InvalidKey,
    NotSupported,
    PlaceRefused,
    StorageError,
    StorageFull,
    StorageUnavailable,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5

STATUS: dict[type[Exception], int] = {
    Unauthenticated: 401,
    LinkInvalid: 403,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Gone: 410,
    TooLarge: 413,
    Locked: 423,
    Invalid: 422,
    KeyReused: 422,
    InvalidKey: 422,
    PlaceRefused: 422,
    NotSupported: 422,
    StorageError: 502,
    StorageUnavailable: 503,
    StorageFull: 507,
    DataCentreError: 500,
}
"""The entry of the nearest base class counts."""

WEB_CODES: Mapping[str, tuple[int, CodeMeaning]] = {
    "BAD_REQUEST": (400, CodeMeaning(meaning="The body cannot be read.", cure="Send JSON in UTF-8.")),
    "METHOD_NOT_ALLOWED": (
        405,
        CodeMeaning(
            meaning="This address does not support this method.", cure="Use a method that `Allow` names."
        ),
    ),
    "PRECONDITION_FAILED": (
        412,
        CodeMeaning(
            meaning="`If-Match` names other bytes than those of the file, or the header `Tus-Resumable` is missing or names "
            "another version.",
            cure="Read the file anew, without `If-Match`; with uploads, send `Tus-Resumable` with the version that "
            "`Tus-Version` names.",
        ),
    ),
    "UNSUPPORTED_MEDIA_TYPE": (
        415,
        CodeMeaning(
            meaning="A piece of an upload has the wrong content type.",
            cure="Send `Content-Type: application/offset+octet-stream`.",
        ),
    ),
    "RANGE_NOT_SATISFIABLE": (
        416,
        CodeMeaning(
            meaning="The range begins beyond the end.",
            cure="Request a range within the size in `Content-Range`; if you have that many bytes, the file is complete.",
        ),
    ),
    "REQUEST_TIMEOUT": (
        408,
        CodeMeaning(
            meaning="The headers were not complete in time, or the body stood still.",
            cure="Send the request again; continue an upload at its offset.",
            retryable=True,
        ),
    ),
    "REQUEST_HEADER_FIELDS_TOO_LARGE": (
        431,
        CodeMeaning(
            meaning="The address, a header, or all headers together are too large.",
            cure="Send shorter ones; `detail` has the limit.",
        ),
    ),
    "INTERNAL": (
        500,
        CodeMeaning(
            meaning="Internal error of the server.",
            cure="Quote the `X-Request-ID` of the response when you report it: the log has the details under this id.",
        ),
    ),
    "DATABASE_UNAVAILABLE": (
        503,
        CodeMeaning(
            meaning="The database does not answer, or has no tables.",
            cure="Try again later; if `detail` says so, the operator runs `datacenter migrate`.",
            retryable=True,
        ),
    ),
    "SCHEMA_UNFIT": (
        503,
        CodeMeaning(
            meaning="The database's schema does not fit this release; only `/readyz` returns this code.",
            cure="Run `datacenter migrate`, or start the release that the schema belongs to.",
        ),
    ),
    "TOO_BUSY": (
        503,
        CodeMeaning(
            meaning="The caller, or all callers together, have as many requests, streams, uploads or bytes under way as they may.",
            cure="Try again after `Retry-After` seconds, with fewer at the same time.",
            retryable=True,
        ),
    ),
}
"""Codes that belong to no error class, with their status, for the page of errors."""

log = structlog.get_logger(__name__)


def install(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Make `app`, which consists of these routers, answer every error with a problem."""
    app.state.routes = [route for router in routers for route in router.routes]
    app.state.fixed_paths = frozenset(route.path for route in app.state.routes if "{" not in route.path)
    app.add_exception_handler(DataCentreError, _domain)
    app.add_exception_handler(StorageError, _domain)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    for error in (DBAPIError, PoolTimeout):
        app.add_exception_handler(error, _database_failed)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    title: str | None = None,
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> JSONResponse:
    """One problem as a response; `code` is for programs, `detail` for people."""
    body = {
        "type": f"urn:datacenter:problem:{code.lower().replace('_', '-')}",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **members,
    }
    return JSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE)


def unexpected() -> JSONResponse:
    """The problem of an internal error; the log has the details under the request id."""
    return problem(
        500, "INTERNAL", "internal error; quote the X-Request-ID of this response when you report it"
    )


class TooBusy(HTTPException):
    """503 with Retry-After: this caller, or all callers together, hold as much as they may.

    FastAPI passes an HTTPException on, also out of a body; it would report any other error there as a body that it
    cannot parse.
    """

    def __init__(self, what: str) -> None:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        super().__init__(503, f"too many {what} at the same time; try again later", headers=headers)


def too_busy(error: TooBusy) -> JSONResponse:
    """The problem of a request over a limit."""
    return problem(error.status_code, "TOO_BUSY", error.detail, headers=error.headers)


def status_of(error: Exception) -> int:
    """The HTTP status of a domain or storage error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def route_of(scope: Scope) -> str:
    """The pattern of the route, which is safe to log: a path may be a valid link, or forge log lines."""
    return getattr(scope.get("route"), "path", "unmatched")


def _domain(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, DataCentreError | StorageError)
    status = status_of(error)
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # An adapter's message may quote a secret of its storage, and so may the message of its SDK.
        storages = resources_of(request).storages
        fields = {name: storages.redact(text) for name, text in _log_fields(error).items()}
        log.error("request failed", method=request.method, route=route_of(request.scope), **fields)
    title = (type(error).__doc__ or "").strip().split("\n")[0]
    if isinstance(error, StorageError) and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # An adapter's message may contain addresses and names of the installation.
        named = {"storage": shown_name(error.storage)} if error.storage else {}
        return problem(status, error.code, _storage_detail(error), title=title, headers=headers, **named)
    members = (
        {"errors": [{"field": error.field, "reason": error.detail}]}
        if isinstance(error, DataCentreError) and error.field and status == HTTPStatus.UNPROCESSABLE_ENTITY
        else {}
    )
    return problem(status, error.code, error.detail, title=title, headers=headers, **members)


def _storage_detail(error: StorageError) -> str:
    if error.storage is None:
        return "the storage failed"
    return (
        f"storage {shown_name(error.storage)} failed; "
        f"check it to see the reason: POST /api/v1/storages/{shown_name(error.storage)}/check"
    )


def _log_fields(error: DataCentreError | StorageError) -> dict[str, str]:
    """The traceback of an internal error; of a storage error only its message and the type of its cause."""
    if not isinstance(error, StorageError):
        return {"exception": "".join(traceback.format_exception(error)).rstrip()}
    cause = f" (from {type(error.__cause__).__name__})" if error.__cause__ else ""
    return {"storage": str(error.storage), "code": error.code, "reason": f"{error.detail}{cause}"}


def _validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [
        {
            "field": _field(each["loc"]),
            "reason": message_for(each["type"], each.get("ctx", {}), REQUEST_MESSAGES, otherwise=each["msg"]),
        }
        for each in error.errors()
    ]
    detail = "; ".join(f"{each['field']}: {each['reason']}" for each in errors)
    return problem(422, Invalid.code, detail, title="The request is not valid.", errors=errors)


def _field(location: tuple[int | str, ...]) -> str:
    """`("body", "source", "upload")` → `source.upload`; `body` for the whole body, or a position in text that is not JSON."""
    names = [str(part) for part in location[1:] if part != "__root__"]
    if len(location) == 2 and isinstance(location[1], int):
        return str(location[0])
    return ".".join(names) or str(location[0])


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_allowed(request)))
    phrase = HTTPStatus(error.status_code).phrase
    codes = {404: NotFound.code, 413: TooLarge.code, 503: "TOO_BUSY"}
    code = codes.get(error.status_code, phrase.upper().replace(" ", "_"))
    detail = error.detail if error.detail != phrase else _DETAILS.get(error.status_code, phrase)
    return problem(error.status_code, code, detail, headers=headers)


def _allowed(request: Request) -> set[str]:
    """The methods of every route at this address; the router itself lists only those of the first."""
    routes: list[APIRoute] = request.app.state.routes
    here = (route for route in routes if route.matches(request.scope)[0] is not Match.NONE)
    return {method for route in here for method in route.methods or ()}


_DETAILS = {
    404: "there is nothing at this address",
    405: "this address does not support this method; the Allow header lists the supported ones",
}


def _database_failed(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SQLAlchemyError)
    cause = cause_of(error)
    if cause is None:
        raise error  # an internal error, which the middleware logs and answers
    log.error("the database failed", method=request.method, route=route_of(request.scope), exc_info=error)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return problem(503, "DATABASE_UNAVAILABLE", cause.answer, headers=headers)
