"""Places: which storages may keep what is made here, and what of a storage may be imported."""

import unicodedata

from sqlalchemy.orm import Session

from datacenter.errors import Invalid
from datacenter.storages.registered import Storages
from storage_adapters.errors import InvalidKey
from storage_adapters.keys import check_key

OWN_AREAS = frozenset({"archives", "datasets", "uploads"})
"""First segments of the keys that are written here, in which the data of all projects lies side by side."""


def target(session: Session, storages: Storages, name: str | None) -> str:
    """The storage that will hold what is made; the default one if none is named.

    It cannot be removed before the session's transaction ends. Raises: Invalid.
    """
    chosen = name or storages.default_name
    if storages.hold(session, chosen).role == "source":
        raise Invalid(f"storage: {chosen!r} is only imported from; name another one", field="storage")
    return chosen


def check_source(session: Session, storages: Storages, name: str, key: str) -> None:
    """Refuse what is no archive that anybody may import: a storage holds the uploads and files of all projects.

    The storage cannot be removed before the session's transaction ends. Raises: Invalid, naming the field.
    """
    _check_role(session, storages, name)
    _check_key(key, field="source.key")


def source_folder(session: Session, storages: Storages, name: str, prefix: str) -> str:
    """The prefix whose objects are to be imported, as a folder: with its last `/`, or empty for the whole storage.

    A file's path is what follows it in the key, so it ends where a segment does: `train` means `train/`, never
    `training/` too. Of a whole storage the areas of ours are left out, see `is_own`.

    Raises: Invalid, naming the field.
    """
    _check_role(session, storages, name)
    if not prefix:
        return ""
    folder = prefix.removesuffix("/")
    _check_key(folder, field="source.prefix")
    return f"{folder}/"


def _check_role(session: Session, storages: Storages, name: str) -> None:
    try:
        role = storages.hold(session, name).role
    except Invalid as error:
        raise Invalid(f"source.{error.detail}", field="source.storage") from error
    if role == "platform":
        raise Invalid(
            f"source.storage: {name!r} is not imported from; its role would have to be source or both",
            field="source.storage",
        )


def _check_key(key: str, *, field: str) -> None:
    try:
        check_key(key)
    except InvalidKey as error:
        raise Invalid(f"{field}: {error.detail}", field=field) from error
    if is_own(key):
        raise Invalid(f"{field}: keys of this area cannot be imported", field=field)


def is_own(key: str) -> bool:
    """Whether a key lies in an area of ours or of the storage itself, for the most lenient of file systems.

    Some take `Uploads`, `uploads.` and `uploads\\` for `uploads/`. Hidden areas begin with a full stop.
    """
    first = key.replace("\\", "/").partition("/")[0]
    plain = unicodedata.normalize("NFKC", first).casefold().rstrip(". ")
    return first.startswith(".") or plain in OWN_AREAS
