"""The OpenAPI document: every operation names the problems it can answer with."""

import json
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from datacenter.web.problems import MEDIA_TYPE
from datacenter.web.schemas.base import FieldError, Problem
from datacenter.web.schemas.job_results import RESULTS

SCHEMA = {"$ref": "#/components/schemas/Problem"}
CONTENT = {MEDIA_TYPE: {"schema": SCHEMA}}
OCTETS = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
HTTP_METHODS = ("get", "head", "post", "put", "patch", "delete", "options")


def headers_of(**described: str) -> dict[str, Any]:
    """The `headers` of a response: names, with `_` for `-`, and their descriptions."""
    return {
        name.replace("_", "-"): {"description": text, "schema": {"type": "string"}}
        for name, text in described.items()
    }


def header_parameters(*, needed: tuple[str, ...] = (), **described: str) -> dict[str, Any]:
    """The `openapi_extra` of an operation that reads these request headers without FastAPI."""
    return {
        "parameters": [
            {"in": "header", "name": name, "required": name in needed, **header}
            for name, header in headers_of(**described).items()
        ]
    }


KNOWN_BYTES_HEADERS = headers_of(
    ETag="Identifies exactly these bytes.",
    Accept_Ranges="`bytes`",
    Content_Disposition="The file name, if the response is a file to save.",
)
BYTES_HEADERS = KNOWN_BYTES_HEADERS | headers_of(Content_Length="Number of bytes.")
HEAD_PARAMETERS = header_parameters(
    If_Match="ETags: 412 unless the bytes have one of them.",
    If_None_Match="An ETag that the client has.",
)
BYTE_PARAMETERS: dict[str, Any] = {
    "parameters": [
        *header_parameters(
            Range="`bytes=first-last`: one range. A request for several ranges gets the whole.",
            If_Range="An ETag: the range if it still matches, else the whole.",
        )["parameters"],
        *HEAD_PARAMETERS["parameters"],
    ]
}
UNSATISFIABLE_HEADERS = headers_of(Content_Range="`bytes */size`")
BYTES: dict[int | str, dict[str, Any]] = {
    200: {"description": "All bytes", "content": OCTETS, "headers": BYTES_HEADERS},
    206: {
        "description": "The requested range",
        "content": OCTETS,
        "headers": BYTES_HEADERS | headers_of(Content_Range="`bytes first-last/size`"),
    },
    304: {"description": "The client already has these bytes", "headers": KNOWN_BYTES_HEADERS},
}
HEAD_OF_BYTES: dict[int | str, dict[str, Any]] = {
    status: {name: value for name, value in BYTES[status].items() if name != "content"}
    for status in (200, 304)
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of an operation that can fail with these statuses."""
    return {status: {"description": HTTPStatus(status).phrase, "content": CONTENT} for status in statuses}


def describe(app: FastAPI) -> dict[str, Any]:
    """The document, made once and cached on the application."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        components = document["components"]["schemas"]
        for replaced in ("HTTPValidationError", "ValidationError"):
            components.pop(replaced, None)
        models: list[type[BaseModel]] = [FieldError, Problem, *RESULTS.values()]
        for model in models:
            _add(components, model)
        components["JobObject"]["properties"]["result"] = {
            "description": "By kind: " + ", ".join(f"{kind} {RESULTS[kind].__name__}" for kind in RESULTS),
            "anyOf": [*(_reference(model) for model in RESULTS.values()), {"type": "null"}],
        }
        for schema in components.values():
            _explain_defaults(schema)
        document = _with_named_pages(document)
        for path in document["paths"].values():
            for method in HTTP_METHODS:
                if method in path:
                    _complete(path[method])
        app.openapi_schema = document
    return app.openapi_schema


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _add(components: dict[str, Any], model: type[BaseModel]) -> None:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    for name, inner in schema.pop("$defs", {}).items():
        components.setdefault(name, inner)
    components[model.__name__] = schema


def _with_named_pages(document: dict[str, Any]) -> dict[str, Any]:
    """`DatasetPage` for `Page_DatasetObject_`: the name of a generic model is made of its parts, its title is chosen."""
    text = json.dumps(document)
    for name, schema in document["components"]["schemas"].items():
        if name.startswith("Page_"):
            text = text.replace(f'"{name}"', f'"{schema["title"]}"').replace(
                f'/{name}"', f'/{schema["title"]}"'
            )
    named: dict[str, Any] = json.loads(text)
    return named


def _explain_defaults(schema: dict[str, Any]) -> None:
    """Write defaults into descriptions: client generators make a field with a default a required one."""
    for name, field in schema.get("properties", {}).items():
        default = field.pop("default", None)
        if (
            default not in (None, "", [], {})
            and not isinstance(default, dict)
            and name not in schema.get("required", ())
        ):
            text = f"Default: {default if isinstance(default, str) else json.dumps(default)}."
            field["description"] = f"{field['description']} {text}" if "description" in field else text


def _complete(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if "422" in responses:
        responses["422"] = {"description": "A field of the request is not valid", "content": CONTENT}
    if operation.get("security"):
        responses["401"] = {
            "description": "The token is missing or not valid",
            "headers": {"WWW-Authenticate": {"schema": {"type": "string"}}},
            "content": CONTENT,
        }
        responses["403"] = {"description": "The role of the token does not allow it", "content": CONTENT}
    if "application/json" in operation.get("requestBody", {}).get("content", {}):
        responses["400"] = {"description": "The body is not JSON in UTF-8", "content": CONTENT}
        responses["413"] = {"description": "The body, or what it asks for, is too large", "content": CONTENT}
    if "202" in responses:
        responses["202"].setdefault("headers", {}).update(headers_of(Location="The address of the job."))
    if "416" in responses:
        responses["416"]["headers"] = UNSATISFIABLE_HEADERS
    if "201" in responses:
        headers = responses["201"].setdefault("headers", {})
        headers.setdefault("Location", headers_of(Location="The address of the new resource.")["Location"])
    responses["default"] = {
        "description": "Any other error",
        "headers": headers_of(Retry_After="With 503: seconds to wait before the next try."),
        "content": CONTENT,
    }
    if "503" in responses:
        responses["503"]["headers"] = responses["default"]["headers"]
