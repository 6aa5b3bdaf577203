"""Platform places: every place that is or was a platform, remembered after its registration is gone."""

import hashlib
from collections.abc import Iterable, Mapping

from sqlalchemy import func, select
from sqlalchemy.dialects.mysql import insert as mysql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from datacenter.database.engine import now
from datacenter.settings.model import StorageSettings
from datacenter.storages.rows import PlatformPlace
from storage_adapters.places import CanonicalPlace
from storage_adapters.registry import holds_tables, places_of


def canonical_places(storage: StorageSettings) -> tuple[CanonicalPlace, ...]:
    """Every place that a storage may lead to. The symbolic links of its URL have been resolved."""
    return tuple(places_of(storage.kind, storage.url, storage.options))


def platform_places(storage: StorageSettings) -> tuple[CanonicalPlace, ...]:
    """The places where a storage keeps files of datasets; none if it is only a source, or holds tables."""
    if storage.role == "source" or holds_tables(storage.kind):
        return ()
    return canonical_places(storage)


def remember(session: Session, platforms: Mapping[str, Iterable[CanonicalPlace]]) -> None:
    """Remember the places of these storages; those that are known stay as they are."""
    texts = {place.to_text(): name for name, places in platforms.items() for place in places}
    wanted = {hashlib.sha256(text.encode()).hexdigest(): text for text in texts}
    known = select(PlatformPlace.sha256).where(PlatformPlace.sha256.in_(list(wanted)))
    for digest in sorted(wanted.keys() - set(session.scalars(known))):
        text = wanted[digest]
        row = {"sha256": digest, "place": text, "storage": texts[text], "created_at": now(session)}
        # Another process may insert the same row at the same time.
        if session.get_bind().dialect.name == "sqlite":
            session.execute(sqlite_insert(PlatformPlace).values(row).on_conflict_do_nothing())
        else:
            session.execute(mysql_insert(PlatformPlace).values(row).on_duplicate_key_update(sha256=digest))


def count_remembered(session: Session) -> int:
    """How many there are: as none is ever forgotten, another number means others."""
    return session.scalars(select(func.count()).select_from(PlatformPlace)).one()


def remembered(session: Session) -> tuple[CanonicalPlace, ...]:
    """Every place that is or was a platform."""
    texts = session.scalars(select(PlatformPlace.place).order_by(PlatformPlace.sha256))
    return tuple(map(CanonicalPlace.from_text, texts))
