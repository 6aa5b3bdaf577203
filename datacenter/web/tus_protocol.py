"""The headers of the tus 1.0 protocol, read and checked (https://tus.io/protocols/resumable-upload)."""

import base64
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from datacenter.datasets.models import Upload
from datacenter.errors import Invalid
from datacenter.web.openapi import header_parameters, headers_of

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration"
CONTENT_TYPE = "application/offset+octet-stream"
MAX_DIGITS = 19
FILENAME_CHARACTERS = 255
METADATA_CHARACTERS = 4096
MEANINGS = {
    "Location": "The address of the upload.",
    "Tus-Resumable": f"The protocol's version, {VERSION}.",
    "Tus-Version": "The versions that this server supports.",
    "Tus-Extension": "The extensions that this server supports.",
    "Tus-Max-Size": "Maximum size of an upload in bytes.",
    "Upload-Length": "Size of the upload in bytes.",
    "Upload-Offset": "Number of bytes that the server has.",
    "Upload-Expires": "The time until which the upload can be resumed.",
    "Upload-Metadata": "Pairs of a key and the base64 of its value, separated by commas: `filename`, `storage`.",
}


def header_docs(*names: str) -> dict[str, Any]:
    """These headers for the OpenAPI document."""
    return headers_of(**{name.replace("-", "_"): MEANINGS[name] for name in names})


def response_docs(status: int, *names: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` with these headers, and the version, which is in every response."""
    return {
        status: {"description": HTTPStatus(status).phrase, "headers": header_docs("Tus-Resumable", *names)}
    }


def parameter_docs(*names: str, needed: tuple[str, ...] = ()) -> dict[str, Any]:
    """The `openapi_extra` of an operation that reads these headers, and needs the version."""
    texts = {name.replace("-", "_"): MEANINGS[name] for name in ("Tus-Resumable", *names)}
    return header_parameters(needed=("Tus-Resumable", *needed), **texts)


def server_headers(limit_bytes: int) -> dict[str, str]:
    """The headers that describe this server, for OPTIONS."""
    return {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(limit_bytes),
    }


def upload_headers(upload: Upload) -> dict[str, str]:
    """The offset of an upload, and until when it can be resumed."""
    headers = {"Upload-Offset": str(upload.offset_bytes)}
    if not upload.completed:
        headers["Upload-Expires"] = upload.expires_at.strftime("%a, %d %b %Y %H:%M:%S GMT")
    return headers


def number(headers: Mapping[str, str], name: str) -> int:
    """A header that must be a whole number. Raises: Invalid."""
    text = headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise Invalid(f"{name}: must be a whole number", field=name)
    return int(text)


def metadata(headers: Mapping[str, str]) -> str:
    """Upload-Metadata as it was given, or nothing. Raises: Invalid."""
    given = headers.get("Upload-Metadata", "")
    if not (given.isascii() and given.isprintable() and len(given) <= METADATA_CHARACTERS):
        raise Invalid(
            f"Upload-Metadata: at most {METADATA_CHARACTERS} characters of printable ASCII are allowed",
            field="Upload-Metadata",
        )
    return given


def filename(given: str) -> str:
    """`filename` of Upload-Metadata, or nothing. Raises: Invalid."""
    value = value_of(given, "filename")
    if len(value) > FILENAME_CHARACTERS:
        raise Invalid(
            f"Upload-Metadata: filename has more than {FILENAME_CHARACTERS} characters",
            field="Upload-Metadata",
        )
    return value


def value_of(given: str, wanted: str) -> str:
    """One value of Upload-Metadata (key, space, base64 of the value; pairs separated by commas), or nothing.

    Raises:
        Invalid
    """
    value = ""
    for pair in filter(None, map(str.strip, given.split(","))):
        key, _, encoded = pair.partition(" ")
        if key == wanted:
            try:
                value = base64.b64decode(encoded.strip(), validate=True).decode()
            except ValueError as error:
                raise Invalid(
                    f"Upload-Metadata: {wanted} must be the base64 of a UTF-8 name", field="Upload-Metadata"
                ) from error
    return value


OVERRIDDEN = frozenset({"PATCH", "DELETE", "HEAD"})


class TusProtocol:
    """ASGI middleware for the paths of tus: `path`, which begins an upload, and the paths below it.

    The protocol lets a client behind a restrictive proxy send PATCH or DELETE as a POST.
    """

    def __init__(self, app: ASGIApp, *, path: str, is_tus_path: Callable[[str], bool]) -> None:
        self._app = app
        self._path = path
        self._is_tus_path = is_tus_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._is_tus_path(scope["path"]):
            await self._app(scope, receive, send)
            return
        wanted = Headers(scope=scope).get("X-HTTP-Method-Override", "").upper()
        if scope["method"] == "POST" and scope["path"] != self._path and wanted in OVERRIDDEN:
            scope["method"] = wanted

        async def send_with_version(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Tus-Resumable"] = VERSION
            await send(message)

        await self._app(scope, receive, send_with_version)
