"""The reference for people: the OpenAPI document as one plain page that needs no script and no other server."""

from collections.abc import Iterator
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

from datacenter.web.calls import API
from datacenter.web.openapi import HTTP_METHODS

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
h2{margin-top:2.5rem;border-bottom:1px solid #d0d7de}summary{cursor:pointer;padding:.35rem 0}
code,pre{font:14px/1.45 ui-monospace,monospace}b.m{display:inline-block;width:4.5rem;color:#0a53a8}
table{border-collapse:collapse;width:100%}td{border-top:1px solid #e5e8eb;padding:.3rem .6rem;vertical-align:top}
@media (prefers-color-scheme:dark){body{background:#14171a;color:#e6e8ea}b.m,a{color:#7db7ff}td{border-color:#333}}
"""
router = APIRouter()


@router.get(f"{API}/docs", include_in_schema=False)
def docs(request: Request) -> Response:
    """Every operation, its parameters, bodies and answers."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return Response(
        "".join(_page(request.app.openapi())),
        media_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": policy},
    )


def _page(document: dict[str, Any]) -> Iterator[str]:
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
    yield f"<h1>{title}</h1><p>{escape(document['info'].get('description', ''))}</p>"
    yield f'<p>For programs: <a href="{API}/openapi.json">openapi.json</a></p>'
    for tag in document.get("tags", []):
        yield f"<h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p>"
        for path, method, operation in _operations(document):
            if tag["name"] in operation.get("tags", []):
                yield from _operation(path, method, operation)
    yield "<h2>Objects</h2>"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        yield f"<p>{escape(schema.get('description', ''))}</p>"
        yield _table((field, _type(each)) for field, each in schema.get("properties", {}).items())
        yield "</details>"


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method in HTTP_METHODS:
            if method in methods:
                yield path, method, methods[method]


def _operation(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<details><summary><b class="m">{method.upper()}</b><code>{escape(path)}</code> '
    yield f"{escape(operation.get('summary', ''))}</summary><p>{escape(operation.get('description', ''))}</p>"
    parameters = operation.get("parameters", [])
    yield _table(
        (f"{each['name']} ({each['in']})", f"{_type(each['schema'])} {escape(each.get('description', ''))}")
        for each in parameters
    )
    yield _table(("body", _content(body)) for body in [operation.get("requestBody")] if body)
    yield _table(
        (status, f"{escape(answer['description'])} {_content(answer)}")
        for status, answer in operation["responses"].items()
    )
    yield "</details>"


def _content(holder: dict[str, Any]) -> str:
    return " ".join(
        f"<code>{escape(kind)}</code> {_type(each.get('schema', {}))}"
        for kind, each in holder.get("content", {}).items()
    )


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words; objects are links into the page."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[-1])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        return escape(" | ".join(map(str, schema["enum"])))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("type", "any")))


def _table(rows: Iterator[tuple[str, str]]) -> str:
    """Rows of a name, which is escaped here, and HTML."""
    cells = "".join(f"<tr><td><code>{escape(name)}</code><td>{html}" for name, html in rows)
    return f"<table>{cells}</table>" if cells else ""
