"""Registration: add, change and remove the storages that do not stand in the settings file."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from datacenter.database import is_duplicate, now
from datacenter.datasets.resources import Resources
from datacenter.datasets.storage_use import refuse_used
from datacenter.errors import Invalid, NotFound, StorageFixed, StorageNameTaken
from datacenter.settings import Role, StorageSettings, find_nested
from datacenter.storages.allowed import check_allowed, check_far, places_of, resolved
from datacenter.storages.models import RegisteredStorage
from datacenter.storages.registered import registered_rows, registration_of
from datacenter.storages.sealing import Seal
from datacenter.storages.secret_options import HIDDEN, hide, is_secret, scrub, secrets_of
from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.options import OptionValue
from storage_adapters.registry import ADAPTERS, open_storage


@dataclass(frozen=True, kw_only=True)
class StorageChange:
    """What is not None is changed; `options` are all options, in which a secret `***` stays as it was."""

    role: Role | None = None
    url: str | None = None
    options: Mapping[str, OptionValue] | None = None


def add(session: Session, resources: Resources, name: str, new: StorageSettings) -> RegisteredStorage:
    """Register a storage; it is opened once to see that it can be, and not spoken to.

    Raises: Invalid, StorageNameTaken, StorageFixed.
    """
    if resources.storages.is_fixed(name):
        raise StorageFixed(f"name: {name!r} stands in the settings file; choose another name")
    for option, value in new.options.items():
        if value == HIDDEN and is_secret(option):
            raise Invalid(f"options.{option}: *** is no secret", field=f"options.{option}")
    new = new.model_copy(update={"url": resolved(new.url)})
    _check(resources, new)
    moment = now(session)
    row = RegisteredStorage(
        name=name,
        kind=new.kind,
        url=new.url,
        role=new.role,
        options=hide(new.options),
        secrets=_seal(resources).close(secrets_of(new.options)),
        created_at=moment,
        updated_at=moment,
    )
    session.add(row)
    try:
        session.flush()
    except IntegrityError as error:
        if not is_duplicate(error):
            raise
        raise StorageNameTaken(f"name: there is a storage {name!r} already") from error
    _refuse_nested(session, resources, name)
    return row


def change(session: Session, resources: Resources, name: str, wanted: StorageChange) -> RegisteredStorage:
    """Change a registration; its secrets are sealed with the first key.

    Raises: NotFound, Invalid, StorageFixed, StorageInUse (a new address under what lies there).
    """
    row = _locked(session, resources, name, "changed")
    before = registration_of(row).shown
    url = before.url if wanted.url is None else resolved(wanted.url)
    given = before.options if wanted.options is None else wanted.options
    if url != row.url:
        refuse_used(session, name, action="moved")
    if set(places_of(url, given)) != set(places_of(before.url, before.options)):
        _refuse_old_secrets(given)
    options = _with_old_secrets(resources, row, given)
    role = wanted.role or before.role
    new = StorageSettings.model_validate({"kind": row.kind, "url": url, "role": role, "options": options})
    _check(resources, new)
    row.url, row.role, row.options = new.url, new.role, hide(new.options)
    row.secrets = _seal(resources).close(secrets_of(new.options))
    row.updated_at = now(session)
    session.flush()
    _refuse_nested(session, resources, name)
    return row


def remove(session: Session, resources: Resources, name: str) -> None:
    """Forget a registration; nothing at the storage is touched. Raises: NotFound, StorageFixed, StorageInUse."""
    row = _locked(session, resources, name, "removed")
    refuse_used(session, name, action="removed")
    session.delete(row)


def rotate(session: Session, resources: Resources) -> int:
    """Seal every secret with the first of `registration.keys`; running it again does no harm.

    Returns how many storages have secrets. Raises: ConfigurationInvalid, with nothing changed, naming a storage
    whose key is missing.
    """
    seal = _seal(resources)
    rows = [row for row in registered_rows(session, locked=True).values() if row.secrets is not None]
    for row in rows:
        try:
            row.secrets = seal.renew(row.secrets or "")
        except ConfigurationInvalid as error:
            raise ConfigurationInvalid(f"storage {row.name}: {error.detail}") from error
    return len(rows)


def _seal(resources: Resources) -> Seal:
    return Seal(resources.settings.registration.keys)


def _locked(session: Session, resources: Resources, name: str, action: str) -> RegisteredStorage:
    if resources.storages.is_fixed(name):
        raise StorageFixed(f"storage {name} stands in the settings file; it is {action} there")
    row = session.get(RegisteredStorage, name, with_for_update=True)
    if row is None:
        raise NotFound(f"there is no storage {name}")
    return row


def _check(resources: Resources, new: StorageSettings) -> None:
    """Raises: Invalid, naming the field; no secret is quoted."""
    if new.kind not in ADAPTERS:
        raise Invalid(
            f"kind: {new.kind!r} is unknown; known are: {', '.join(sorted(ADAPTERS))}", field="kind"
        )
    check_allowed(resources.settings, new.url, new.options)
    check_far(resources.settings, new.url, new.options)
    try:
        open_storage(new.kind, new.url, new.options)
    except ConfigurationInvalid as error:
        field = "options" if "ption" in error.detail else "url"
        told = scrub(error.detail, secrets_of(new.options).values())
        raise Invalid(f"{field}: {told}", field=field) from None


def _refuse_nested(session: Session, resources: Resources, name: str) -> None:
    # Locked, so that of two that would lie within one another and are registered at once one sees the other.
    rows = registered_rows(session, locked=True)
    known = {other: registration_of(row).shown for other, row in rows.items()} | resources.settings.storages
    for pair in find_nested(known):
        if name in pair:
            other = pair[pair[0] == name]
            raise Invalid(
                f"url: this place and that of {other!r} lie within one another, and one is a source, one a platform",
                field="url",
            )


def _refuse_old_secrets(options: Mapping[str, OptionValue]) -> None:
    """Whoever changes where a storage speaks to must know its secrets: they would be sent to the new place."""
    for option, value in options.items():
        if is_secret(option) and value == HIDDEN:
            raise Invalid(
                f"options.{option}: the storage moves to another place; give its secrets again",
                field=f"options.{option}",
            )


def _with_old_secrets(
    resources: Resources, row: RegisteredStorage, given: Mapping[str, OptionValue]
) -> dict[str, OptionValue]:
    kept = [option for option, value in given.items() if is_secret(option) and value == HIDDEN]
    if not kept:
        return dict(given)
    try:
        old = _seal(resources).open(row.secrets)
        return {**given, **{option: old[option] for option in kept}}
    except ConfigurationInvalid as error:
        raise Invalid(f"options.{kept[0]}: {error.detail}", field=f"options.{kept[0]}") from error
    except KeyError as error:
        option = str(error.args[0])
        raise Invalid(
            f"options.{option}: there is no such secret to keep", field=f"options.{option}"
        ) from None
