"""Registration: add, change and remove storages that are not in the settings file."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar, cast

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from datacenter.database.engine import is_duplicate, now
from datacenter.datasets.models import Archive, ArchiveState, Dataset, DeletedDataset, Litter, Upload
from datacenter.datasets.resources import Resources
from datacenter.datasets.tables.kept import FIELD
from datacenter.errors import Conflict, Invalid, NameTaken, NotFound, StorageFixed, StorageInUse
from datacenter.ledger.models import Job
from datacenter.ledger.states import FINISHED
from datacenter.observability.redaction import REDACTED, Redactor
from datacenter.settings.model import Role, StorageSettings
from datacenter.settings.rules import find_nested
from datacenter.storages.allowed import check_allowed, check_far, check_files, places_of, resolved
from datacenter.storages.encryption import SecretCipher
from datacenter.storages.opener import open_adapter
from datacenter.storages.owners import MAX_OWN_NAME, may_use, shown_name
from datacenter.storages.platform_places import (
    canonical_places,
    platform_places,
    remember,
    remembered,
)
from datacenter.storages.rows import RegisteredStorage, Registration, registered_rows, registration_of
from datacenter.storages.secret_options import is_secret, redacted_options, secrets_of
from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.options import OptionValue
from storage_adapters.places import OwnAreas
from storage_adapters.registry import (
    DATABASE_OPTION,
    holds_tables,
    identity_options,
    keeps_tables,
    kinds,
)

T = TypeVar("T")
TRUST_OPTION = re.compile(
    r"user|account|access_key|endpoint|host|namenode|tls|ssl|verify|\bca|_ca|cert|proxy|auth|login|principal"
)
"""Options that decide to whom a secret is sent: as whom, to which address, and how that address is verified."""
KEEP = object()
"""Leaves as it was what a change would otherwise set to None."""


@dataclass(frozen=True, kw_only=True)
class StorageChange:
    """Fields other than None are changed; `options` replaces all options, but a secret `***` stays as it was."""

    role: Role | None = None
    url: str | None = None
    options: Mapping[str, OptionValue] | None = None
    shared_with: object = KEEP
    """The ids of projects, None for all; `KEEP`: as it was."""


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Whose a new storage is: of a project, or shared with some (their ids) or with all (None)."""

    project_id: str | None = None
    shared_with: list[str] | None = None
    created_by: str | None = None


def add(
    resources: Resources,
    key: str,
    new: StorageSettings,
    then: Callable[[Session, RegisteredStorage], T],
    *,
    owner: Owner = Owner(),
) -> T:
    """Register a storage under its key and do `then` in the same transaction.

    The storage is opened once as a check; this, like everything that may take long, is done before the transaction.

    Raises: Invalid, NameTaken, StorageFixed.
    """
    name = shown_name(key)
    if resources.storages.is_fixed(name):
        raise StorageFixed(f"name: {name!r} is defined in the settings file; choose another name")
    if owner.project_id is not None and len(name) > MAX_OWN_NAME:
        raise Invalid(f"name: a project's own storage has at most {MAX_OWN_NAME} characters", field="name")
    for option, value in new.options.items():
        if value == REDACTED and is_secret(option):
            raise Invalid(
                f"options.{option}: *** is a placeholder; give the secret", field=f"options.{option}"
            )
    new = _checked(resources, new)
    encrypted = _cipher(resources).encrypt(secrets_of(new.options))
    fixed = _fixed(resources)

    def insert(session: Session) -> T:
        moment = now(session)
        row = RegisteredStorage(
            name=key,
            project_id=owner.project_id,
            shared_with=owner.shared_with,
            created_by=owner.created_by,
            kind=new.kind,
            url=new.url,
            role=new.role,
            options=redacted_options(new.options),
            secrets=encrypted,
            created_at=moment,
            updated_at=moment,
        )
        session.add(row)
        try:
            session.flush()
        except IntegrityError as error:
            if not is_duplicate(error):
                raise
            raise NameTaken(f"name: a storage {name!r} already exists; choose another name") from error
        _refuse_nested(session, fixed, key, owner.project_id)
        _refuse_own_area(session, fixed, new)
        remember(session, {key: platform_places(new)})
        return then(session, row)

    return resources.database.run(insert)


def change(
    resources: Resources,
    key: str,
    wanted: StorageChange,
    then: Callable[[Session, RegisteredStorage], T],
) -> T:
    """Change a registration and do `then` in the same transaction; its secrets are encrypted with the first key.

    Raises:
        NotFound, Invalid, StorageFixed
        StorageInUse: the address, or as whom it is opened, cannot change while the storage is in use; what was a platform
            never becomes a source.
        Conflict: another request changed it at the same time.
    """
    name = shown_name(key)
    _refuse_fixed(resources, key, "changed")
    with resources.database.reading() as session:
        before = registration_of(_require(session.get(RegisteredStorage, key), name))
    new = _checked(resources, _merged(resources, before, wanted))
    encrypted = _cipher(resources).encrypt(secrets_of(new.options))
    fixed = _fixed(resources)

    def update(session: Session) -> T:
        row = _require(session.get(RegisteredStorage, key, with_for_update=True), name)
        if registration_of(row) != before:
            raise Conflict(
                f"storage {name} was changed by another request at the same time; read it again, then retry"
            )
        if before.shown.role != "source" and new.role == "source":
            raise StorageInUse(
                f"role: storage {name} is a platform, and what it holds or held belongs to all projects; to import other "
                "files from there, use the role both"
            )
        if _address(new) != _address(before.shown):
            refuse_used(session, key, action="moved")
        row.url, row.role, row.options, row.secrets = (
            new.url,
            new.role,
            redacted_options(new.options),
            encrypted,
        )
        if wanted.shared_with is not KEEP:
            row.shared_with = cast("list[str] | None", wanted.shared_with)
        row.updated_at = now(session)
        session.flush()
        _refuse_nested(session, fixed, key, row.project_id)
        _refuse_own_area(session, fixed, new)
        remember(session, {key: platform_places(before.shown) + platform_places(new)})
        return then(session, row)

    return resources.database.run(update)


def remove(session: Session, resources: Resources, key: str) -> None:
    """Remove a registration; nothing on the storage is changed. Raises: NotFound, StorageFixed, StorageInUse."""
    _refuse_fixed(resources, key, "removed")
    row = _require(session.get(RegisteredStorage, key, with_for_update=True), shown_name(key))
    refuse_used(session, key, action="removed")
    remember(session, {key: platform_places(registration_of(row).shown)})
    session.delete(row)


def rotate(session: Session, resources: Resources) -> int:
    """Encrypt every secret with the first of `registration.keys`; running it again does no harm.

    Returns how many storages have secrets. Raises: ConfigurationInvalid, with nothing changed, naming a storage
    whose key is missing.
    """
    cipher = _cipher(resources)
    rows = [row for row in registered_rows(session, locked=True).values() if row.secrets is not None]
    for row in rows:
        try:
            row.secrets = cipher.reencrypt(row.secrets or "")
        except ConfigurationInvalid as error:
            raise ConfigurationInvalid(f"storage {row.name}: {error.detail}") from error
    return len(rows)


def _cipher(resources: Resources) -> SecretCipher:
    return SecretCipher(resources.settings.registration.keys)


def _refuse_fixed(resources: Resources, name: str, action: str) -> None:
    if resources.storages.is_fixed(name):
        raise StorageFixed(
            f"storage {shown_name(name)} is defined in the settings file; it can only be {action} there"
        )


def _require(row: RegisteredStorage | None, name: str) -> RegisteredStorage:
    if row is None:
        raise NotFound(f"there is no storage {name}")
    return row


def _checked(resources: Resources, new: StorageSettings) -> StorageSettings:
    """The storage as it will be stored. Raises: Invalid, naming the field; no secret is quoted."""
    new = new.model_copy(update={"url": resolved(new.url)})
    if new.kind not in kinds():
        known = ", ".join(kinds())
        raise Invalid(f"kind: {new.kind!r} is unknown; known are: {known}", field="kind")
    _check_tables(new)
    check_allowed(resources.settings, new.url, new.options)
    check_files(resources.settings, new.options)
    check_far(resources.settings, new.url, new.options)
    try:
        open_adapter(new, new.options)
    except ConfigurationInvalid as error:
        field = "options" if "ption" in error.detail else "url"
        reason = Redactor(secrets_of(new.options).values()).redact(error.detail)
        raise Invalid(f"{field}: {reason}", field=field) from None
    return new


def _check_tables(new: StorageSettings) -> None:
    """Refuse a platform storage of tables that cannot keep tables. Raises: Invalid."""
    if not holds_tables(new.kind) or new.role != "platform":
        return
    if not keeps_tables(new.kind):
        raise Invalid(f"role: kind {new.kind} is read-only; use source", field="role")
    if not new.options.get(DATABASE_OPTION):
        raise Invalid(
            f"options.{DATABASE_OPTION}: missing; name the database to keep tables in, or use the role source",
            field=f"options.{DATABASE_OPTION}",
        )


def _fixed(resources: Resources) -> dict[str, StorageSettings]:
    """The storages of the settings file, with symbolic links resolved."""
    return {
        name: fixed.model_copy(update={"url": resolved(fixed.url)})
        for name, fixed in resources.settings.storages.items()
    }


def _refuse_nested(
    session: Session, fixed: dict[str, StorageSettings], name: str, project_id: str | None
) -> None:
    # Locked, so that of two nested storages that are registered at the same time one sees the other.
    rows = registered_rows(session, locked=True)
    known = {other: registration_of(row).shown for other, row in rows.items()} | fixed
    for pair in find_nested(known, real=os.path.normpath):
        if name in pair:
            other = pair[pair[0] == name]
            row = rows.get(other)
            # Without the name of a storage that the project does not know.
            known_here = row is None or project_id is None or may_use(row, project_id)
            named = f"that of {shown_name(other)!r}" if known_here else "another one"
            raise Invalid(
                f"url: this place and {named} are nested, and one is a source, one a platform; use another place",
                field="url",
            )


def _refuse_own_area(session: Session, fixed: dict[str, StorageSettings], new: StorageSettings) -> None:
    """Refuse a storage within an area of a place that is or was a platform. Raises: Invalid."""
    rows = (registration_of(row).shown for row in registered_rows(session).values())
    current = chain.from_iterable(map(platform_places, (*rows, *fixed.values())))
    if OwnAreas(canonical_places(new), {*current, *remembered(session)}).has_root:
        raise Invalid(
            "url: datasets of all projects are, or were, kept at this place; use another place", field="url"
        )


def _address(storage: StorageSettings) -> tuple[object, ...]:
    """A storage's address: its URL, the places in its options, the region if there is no endpoint, and as whom it is opened."""
    options = storage.options
    region = None if "endpoint" in options else options.get("region")
    identity = tuple(options.get(name) for name in identity_options(storage.kind))
    places = frozenset(places_of(storage.url, options))
    return storage.url, places, region, identity, frozenset(canonical_places(storage))


def _merged(resources: Resources, before: Registration, wanted: StorageChange) -> StorageSettings:
    """The storage after the change, with all of its secrets. Raises: Invalid."""
    shown = before.shown
    url = shown.url if wanted.url is None else resolved(wanted.url)
    given = shown.options if wanted.options is None else wanted.options
    kept = [option for option, value in given.items() if is_secret(option) and value == REDACTED]
    places, places_before = set(places_of(url, given)), set(places_of(shown.url, shown.options))
    if kept and places != places_before:
        # Secrets are sent to the storage's address, so a client that changes the address must know them.
        missing = sorted(field for field, _ in places_before - places)
        reason = (
            f"the given options replace all existing ones, but {missing[0]} is missing; give it, too"
            if places < places_before
            else "the storage's address changes; give its secrets again"
        )
        raise Invalid(f"options.{kept[0]}: {reason}", field=f"options.{kept[0]}")
    if kept and (changed := _trust_changed(shown, url, given)):
        # A client that changes where or how a secret is sent could read it there.
        raise Invalid(
            f"options.{kept[0]}: {changed} changes; give the secrets again", field=f"options.{kept[0]}"
        )
    old: Mapping[str, OptionValue] = {}
    if kept:
        try:
            old = _cipher(resources).decrypt(before.secrets)
        except ConfigurationInvalid as error:
            raise Invalid(f"options.{kept[0]}: {error.detail}", field=f"options.{kept[0]}") from error
    for option in kept:
        if option not in old:
            raise Invalid(f"options.{option}: no secret is stored for it; give it", field=f"options.{option}")
    options = {**given, **{option: old[option] for option in kept}}
    return StorageSettings(kind=shown.kind, url=url, role=wanted.role or shown.role, options=options)


def _trust_changed(shown: StorageSettings, url: str, given: Mapping[str, OptionValue]) -> str:
    """What changes of those parts that decide to whom the secrets are sent, and whether the way there is protected."""
    if url != shown.url:
        return "url"
    names = sorted(given.keys() | shown.options.keys())
    trusted = (name for name in names if not is_secret(name) and TRUST_OPTION.search(name))
    return next((f"options.{name}" for name in trusted if given.get(name) != shown.options.get(name)), "")


def refuse_used(session: Session, name: str, *, action: str) -> None:
    """Refuse `action` on a storage that is still in use.

    The caller has locked the storage's row, as every request that adds something there does (`Storages.hold`).
    Raises: StorageInUse, which names the use and what to do first.
    """
    for what, cure, column, condition in _uses(name):
        if session.execute(select(column).where(condition).limit(1)).first() is not None:
            raise StorageInUse(f"storage {shown_name(name)} cannot be {action}: {what}; {cure}")


def _uses(name: str) -> list[tuple[str, str, InstrumentedAttribute[str], ColumnElement[bool]]]:
    payload = Job.payload
    reads = or_(
        payload["storage"].as_string() == name,
        payload[("source", "storage")].as_string() == name,
    )
    writes = payload[(FIELD, "storage")].as_string() == name
    # A failed job that can be retried may have left a half-written table, which has to be dropped there later.
    open_jobs = or_(Job.state.not_in(FINISHED) & or_(reads, writes), Job.checkpoint & writes)
    live = or_(Dataset.storage == name, Dataset.table_storage == name)
    record = DeletedDataset.record
    deleted = or_(record["storage"].as_string() == name, record["table_storage"].as_string() == name)
    unexpired = Archive.state != ArchiveState.EXPIRED
    swept = "wait until the sweep has removed them"
    return [
        ("it holds datasets", "delete them first", Dataset.id, live),
        (
            "it holds files of deleted datasets",
            "wait until their delete jobs have succeeded",
            DeletedDataset.id,
            deleted,
        ),
        ("it holds uploads", "finish them or let them expire", Upload.id, Upload.storage == name),
        ("it holds archives", "let them expire", Archive.id, (Archive.storage == name) & unexpired),
        ("it holds leftovers", swept, Litter.id, Litter.storage == name),
        ("jobs use it", "wait for them or cancel them", Job.id, open_jobs),
    ]
