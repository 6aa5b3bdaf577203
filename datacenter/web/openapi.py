"""The OpenAPI document: every operation names the problems it can answer with."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from datacenter.web.problems import MEDIA_TYPE
from datacenter.web.schemas.base import FieldError, Problem

SCHEMA = {"$ref": "#/components/schemas/Problem"}
CONTENT = {MEDIA_TYPE: {"schema": SCHEMA}}
OCTETS = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
BYTES: dict[int | str, dict[str, Any]] = {
    200: {"description": "All bytes", "content": OCTETS},
    206: {"description": "The range that was asked for", "content": OCTETS},
    304: {"description": "The client has them already"},
}
LOCATION = {"description": "The address of the job", "schema": {"type": "string"}}
HTTP_METHODS = ("get", "head", "post", "put", "patch", "delete", "options")


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation that can refuse in these ways."""
    return {status: {"description": HTTPStatus(status).phrase, "content": CONTENT} for status in statuses}


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, made once and kept on the application."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        components = document.setdefault("components", {}).setdefault("schemas", {})
        for replaced in ("HTTPValidationError", "ValidationError"):
            components.pop(replaced, None)
        for model in (FieldError, Problem):
            components[model.__name__] = model.model_json_schema(ref_template="#/components/schemas/{model}")
            components[model.__name__].pop("$defs", None)
        for path in document["paths"].values():
            for method in HTTP_METHODS:
                if method in path:
                    _complete(path[method])
        app.openapi_schema = document
    return app.openapi_schema


def _complete(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if "422" in responses:
        responses["422"] = {"description": "A field of the request cannot be used", "content": CONTENT}
    if operation.get("security"):
        responses["401"] = {
            "description": "No token, or one that is not valid",
            "headers": {"WWW-Authenticate": {"schema": {"type": "string"}}},
            "content": CONTENT,
        }
    if "202" in responses:
        responses["202"].setdefault("headers", {})["Location"] = LOCATION
    responses["default"] = {"description": "Any other refusal", "content": CONTENT}
