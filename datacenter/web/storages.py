"""Storages as they are registered, to be looked at; their secrets read as `***`."""

import re
from urllib.parse import urlsplit, urlunsplit

from fastapi import APIRouter

from datacenter.errors import Invalid, NotFound
from datacenter.settings import StorageSettings
from datacenter.web.calls import API, Authorized
from datacenter.web.openapi import problems
from datacenter.web.pages import DEFAULT_ITEMS, Cursors, CursorText, Limit
from datacenter.web.schemas.page import Page
from datacenter.web.schemas.storages import StorageObject
from datacenter.web.token_first import TokenFirst

HIDDEN = "***"
SECRET_OPTION = re.compile(r"secret|passw|token|credential|key$|_key_|sign|auth", re.IGNORECASE)
"""Rather one option too many is hidden than one too few."""
router = APIRouter(prefix=f"{API}/storages", tags=["storages"], route_class=TokenFirst)


@router.get("", summary="List storages")
def list_all(
    call: Authorized, limit: Limit = DEFAULT_ITEMS, cursor: CursorText = None
) -> Page[StorageObject]:
    """By name."""
    cursors = Cursors(secret=call.secret, list_name="storages")
    after = cursors.read(cursor) or ""
    storages = call.resources.storages
    names = [name for name in storages.names() if name > after][: limit + 1]
    items = [storage_object(name, storages.describe(name)) for name in names[:limit]]
    return cursors.page(names, limit, lambda name: name, items)


@router.get("/{name}", responses=problems(404), summary="Show a storage")
def show(name: str, call: Authorized) -> StorageObject:
    """How it was registered."""
    try:
        return storage_object(name, call.resources.storages.describe(name))
    except Invalid as error:
        raise NotFound(f"there is no storage {name}") from error


def storage_object(name: str, registered: StorageSettings) -> StorageObject:
    """A storage without its secrets."""
    options = {
        option: HIDDEN if SECRET_OPTION.search(option) else value
        for option, value in registered.options.items()
    }
    return StorageObject(
        name=name,
        kind=registered.kind,
        role=registered.role,
        url=_without_password(registered.url),
        options=options,
        state="REGISTERED",
    )


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    who, at, place = parts.netloc.rpartition("@")
    user, colon, _ = who.partition(":")
    netloc = f"{user}:{HIDDEN}@{place}" if at and colon else parts.netloc
    # What follows a question mark may hold keys.
    return urlunsplit(parts._replace(netloc=netloc, query=HIDDEN if parts.query else ""))
