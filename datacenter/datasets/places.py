"""Places: which storages may keep datasets and archives, and what may be imported from a storage."""

import re
import unicodedata
from dataclasses import dataclass

from sqlalchemy.orm import Session

from datacenter.datasets.tables.kept import names_own_table
from datacenter.errors import Invalid
from datacenter.settings.model import StorageSettings
from datacenter.storages.opener import Storages
from datacenter.storages.owners import shown_name
from storage_adapters.errors import InvalidKey, PlaceRefused
from storage_adapters.object_storage.keys import check_key
from storage_adapters.registry import DATABASE_OPTION, holds_tables, keeps_tables
from storage_adapters.table_storage.contract import TableName

OWN_AREAS = frozenset({"archives", "datasets", "uploads"})
"""First segments of the keys that this service writes; each area holds the data of all projects."""
FIRST_WORD = re.compile(r"\s*([A-Za-z]+)")
QUERY_WORDS = {"SELECT", "WITH"}
"""First words of a query, unless it begins with a comment or a bracket."""


@dataclass(frozen=True, kw_only=True)
class DatasetHome:
    """Where a dataset will be kept: on a storage of files; its rows in a database, if a storage of tables was named."""

    storage: str
    table_storage: str | None = None
    database: str = ""


def home(session: Session, storages: Storages, name: str | None, *, kind: str) -> DatasetHome:
    """Where a dataset of this kind will be kept if its request names this storage; the default storage if None.

    A table may be kept on a storage of tables; its manifest is still on the default storage.
    The storages cannot be removed before the session's transaction ends. Raises: Invalid.
    """
    if name is None or kind != "table":
        return DatasetHome(storage=target(session, storages, name))
    registered = storages.hold(session, name)
    if not holds_tables(registered.kind):
        return DatasetHome(storage=target(session, storages, name))
    database = _database(name, registered)
    return DatasetHome(storage=target(session, storages, None), table_storage=name, database=database)


def _database(name: str, registered: StorageSettings) -> str:
    """The database in which a storage keeps tables. Raises: Invalid."""
    if registered.role == "source":
        reason = "is only a source of imports; name another one, or give it the role both"
    elif not keeps_tables(registered.kind):
        reason = f"cannot keep tables: kind {registered.kind} is read-only; name another one"
    elif registered.options.get("read_only"):
        reason = "cannot keep tables: it has the option read_only; name another one"
    elif not registered.options.get(DATABASE_OPTION):
        reason = f"has no database to keep tables in; give it the option {DATABASE_OPTION}"
    else:
        return str(registered.options[DATABASE_OPTION])
    raise Invalid(f"storage: {shown_name(name)!r} {reason}", field="storage")


def target(session: Session, storages: Storages, name: str | None) -> str:
    """The storage for a new dataset, archive or upload; the default one if none is named.

    It cannot be removed before the session's transaction ends. Raises: Invalid.
    """
    chosen = name or storages.default_name
    registered = storages.hold(session, chosen)
    if registered.role == "source":
        raise Invalid(
            f"storage: {shown_name(chosen)!r} is only a source of imports; name another one", field="storage"
        )
    if holds_tables(registered.kind):
        raise Invalid(
            f"storage: {shown_name(chosen)!r} holds tables; name a storage of files, where files and archives are kept",
            field="storage",
        )
    return chosen


def check_source(session: Session, storages: Storages, name: str, key: str) -> None:
    """Refuse a key that must not be imported: a storage also holds the uploads and files of all projects.

    The storage cannot be removed before the session's transaction ends. Raises: Invalid, naming the field.
    """
    _check_role(session, storages, name, tables=False)
    _check_key(key, field="source.key")
    _check_areas(storages, name, key, field="source.key")


def source_folder(session: Session, storages: Storages, name: str, prefix: str) -> str:
    """The prefix to import, as a folder: with its last `/`, or empty for the whole storage.

    A file's path is the rest of its key, so the prefix ends at a segment: `train` means `train/`, and never also
    `training/`. From a whole storage the service's own areas are left out, see `is_own`.

    Raises: Invalid, naming the field.
    """
    _check_role(session, storages, name, tables=False)
    if not prefix:
        _check_areas(storages, name, "", field="source.storage")
        return ""
    folder = prefix.removesuffix("/")
    _check_key(folder, field="source.prefix")
    _check_areas(storages, name, folder, field="source.prefix")
    return f"{folder}/"


def table_source(session: Session, storages: Storages, name: str, table: str) -> TableName:
    """The table to import, written `database.table`; the job checks that it exists.

    The first full stop separates the two, so that a table's own name may contain others.
    The storage cannot be removed before the session's transaction ends. Raises: Invalid, naming the field.
    """
    _check_role(session, storages, name, tables=True)
    database, _, own = table.partition(".")
    if not database or not own:
        raise Invalid(f"source.table: write database.table, not {table!r}", field="source.table")
    _refuse_own(own, field="source.table")
    return TableName(database=database, table=own)


def query_source(session: Session, storages: Storages, name: str, query: str) -> str:
    """The query to import; the job checks that it is one SELECT. Raises: Invalid, naming the field.

    The storage cannot be removed before the session's transaction ends.
    """
    _check_role(session, storages, name, tables=True)
    begins = FIRST_WORD.match(query)
    if not query.strip() or (begins and begins[1].upper() not in QUERY_WORDS):
        raise Invalid("source.query: write exactly one SELECT", field="source.query")
    _refuse_own(query, field="source.query")
    return query


def _refuse_own(text: str, *, field: str) -> None:
    if names_own_table(text):
        raise Invalid(f"{field}: tables in which datasets are kept cannot be imported", field=field)


def _check_role(session: Session, storages: Storages, name: str, *, tables: bool) -> None:
    try:
        registered = storages.hold(session, name)
    except Invalid as error:
        raise Invalid(f"source.{error.detail}", field="source.storage") from error
    if registered.role == "platform":
        raise Invalid(
            f"source.storage: {shown_name(name)!r} is not a source of imports; give it the role both, or name another one",
            field="source.storage",
        )
    if holds_tables(registered.kind) != tables:
        held, wanted = ("files", "key or prefix") if tables else ("tables", "table or query")
        raise Invalid(
            f"source.storage: {shown_name(name)!r} holds {held}; give {wanted}, or another storage",
            field="source.storage",
        )


def _check_key(key: str, *, field: str) -> None:
    try:
        check_key(key)
    except InvalidKey as error:
        raise Invalid(f"{field}: {error.detail}", field=field) from error
    if is_own(key):
        raise Invalid(
            f"{field}: this area belongs to the service and cannot be imported; name another key", field=field
        )


def _check_areas(storages: Storages, name: str, key: str, *, field: str) -> None:
    """Refuse early what the job could not read, whatever the storage's registration says."""
    try:
        storages.guard(name).check(key)
    except PlaceRefused as error:
        raise Invalid(f"{field}: {error.detail}", field=field) from error


def is_own(key: str) -> bool:
    """Whether a key is in an area of this service or of the storage itself, even on the most lenient file system.

    Some take `Uploads`, `uploads.` and `uploads\\` for `uploads/`. Hidden areas begin with a full stop.
    """
    first = key.replace("\\", "/").partition("/")[0]
    plain = unicodedata.normalize("NFKC", first).casefold().rstrip(". ")
    return first.startswith(".") or plain in OWN_AREAS
