"""Test the settings before anything starts: open the storages, connect to the database and the broker."""

from collections.abc import Iterator

from sqlalchemy.exc import SQLAlchemyError

from datacenter.database.diagnosis import trouble_of
from datacenter.database.engine import Database
from datacenter.errors import Invalid, SettingsInvalid
from datacenter.ledger.broker_diagnosis import check_broker
from datacenter.migrations import require_schema
from datacenter.settings.model import Settings
from datacenter.settings.sources.layers import SettingFault
from datacenter.storages.checking import Checker
from datacenter.storages.opener import Storages
from storage_adapters.errors import StorageError
from storage_adapters.registry import holds_tables


def openings(settings: Settings) -> Iterator[SettingFault]:
    """Storages of the settings whose URL or options their adapter rejects; without any network access."""
    database = Database(settings.database)
    storages = Storages(settings, database)
    for name, registered in settings.storages.items():
        try:
            storages.open_tables(name) if holds_tables(registered.kind) else storages.open(name)
        except (Invalid, StorageError) as error:
            yield SettingFault(key=f"storages.{name}", detail=storages.redact(error.detail))
    database.close()


def trials(settings: Settings) -> Iterator[SettingFault]:
    """What does not answer, rejects the connection, or does not fit this release."""
    database = Database(settings.database)
    yield from _database(settings, database)
    yield from _broker(settings)
    checker = Checker(Storages(settings, database))
    for name in settings.storages:
        health = checker.check(name)
        if not health.ok:
            yield SettingFault(key=f"storages.{name}", detail=health.detail)
    database.close()


def _database(settings: Settings, database: Database) -> Iterator[SettingFault]:
    try:
        require_schema(database)
    except SettingsInvalid as error:
        yield SettingFault(key="", detail=error.detail)
    except SQLAlchemyError as error:
        yield SettingFault(key="", detail=str(trouble_of(error, settings.database.url)))


def _broker(settings: Settings) -> Iterator[SettingFault]:
    try:
        fault = check_broker(settings.broker)
    except SettingsInvalid as error:
        fault = error.detail
    if fault is not None:
        yield SettingFault(key="", detail=fault)
