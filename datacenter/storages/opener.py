"""The registered storages, of the settings file and of the database, opened by name and kept open."""

import logging
import threading
import time
from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from datacenter.database.engine import Database
from datacenter.errors import Invalid
from datacenter.observability.logs import redact_in_logs
from datacenter.observability.metrics import Metrics
from datacenter.observability.redaction import Redactor, passwords_in
from datacenter.settings.model import Settings, StorageSettings
from datacenter.storages.allowed import check_allowed, check_files, reach_of
from datacenter.storages.encryption import SecretCipher
from datacenter.storages.observed import ObservedStorage, ObservedTableStorage, naming
from datacenter.storages.rows import RegisteredStorage, Registration, registered_rows, registration_of
from datacenter.storages.secret_options import secrets_of
from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.network.reach import Reach
from storage_adapters.object_storage.contract import Storage
from storage_adapters.options import OptionValue
from storage_adapters.registry import has_create, has_reach, holds_tables, open_storage, open_tables
from storage_adapters.table_storage.contract import TableStorage


def open_adapter(registered: StorageSettings, options: Mapping[str, OptionValue]) -> Storage | TableStorage:
    """The storage with these options, which hold its secrets.

    Of a source nothing is ever made: a directory that is not there is mistyped, or not mounted, and its check says so.

    Raises: ConfigurationInvalid.
    """
    if holds_tables(registered.kind):
        return _tables(registered, options)
    return _objects(registered, options)


def open_observed(
    name: str, registered: StorageSettings, options: Mapping[str, OptionValue], metrics: Metrics
) -> ObservedStorage | ObservedTableStorage:
    """The same, under its registered name, with its calls counted in `metrics`. Raises: ConfigurationInvalid."""
    if holds_tables(registered.kind):
        return ObservedTableStorage(_tables(registered, options), name, metrics)
    return ObservedStorage(_objects(registered, options), name, metrics)


def _objects(registered: StorageSettings, options: Mapping[str, OptionValue]) -> Storage:
    if registered.role == "source" and has_create(registered.kind):
        options = {**options, "create": False}
    return open_storage(registered.kind, registered.url, options)


def _tables(registered: StorageSettings, options: Mapping[str, OptionValue]) -> TableStorage:
    return open_tables(registered.kind, registered.url, options)


LOOK_SECONDS = 2.0
"""A storage that was changed or removed elsewhere is used as it was for at most so long; a new one is seen at once."""

log = logging.getLogger(__name__)


class Storages:
    """Opens each storage once a process. Safe for threads; make a new one after a fork.

    The names of the settings file win: a registration of the same name is not seen. To open a storage of the file
    costs no query ever; for others the table is read again after `LOOK_SECONDS`, and what has changed is opened anew.
    While the database is away, what was known last holds.
    """

    def __init__(self, settings: Settings, database: Database, metrics: Metrics | None = None) -> None:
        """Calls of the storages are counted in `metrics`; without any, nobody reads the counts."""
        self._metrics = metrics or Metrics()
        self._settings = settings
        self._database = database
        self._cipher = SecretCipher(settings.registration.keys)
        self._open: dict[str, tuple[Registration, ObservedStorage | ObservedTableStorage]] = {}
        self._file = {name: Registration(shown=shown) for name, shown in settings.storages.items()}
        self._rows: dict[str, Registration] = {}
        self._redactor = Redactor()
        """With the secrets of every storage that was opened: an error of an old instance may quote an old one."""
        self._look_at = float("-inf")
        self._asked = 0
        self._opening: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._looking = threading.Lock()

    @property
    def default_name(self) -> str:
        """Where datasets go when a request names no storage."""
        return self._settings.default_storage

    def names(self) -> list[str]:
        """All registered names, sorted."""
        self._look()
        return sorted(self._file.keys() | self._rows.keys())

    def is_fixed(self, name: str) -> bool:
        """Whether the storage stands in the settings file."""
        return name in self._file

    def describe(self, name: str) -> StorageSettings:
        """How a storage was registered; secrets of a registration read `***`. Raises: Invalid."""
        return self._find(name).shown

    def hold(self, session: Session, name: str) -> StorageSettings:
        """The same as `describe`, and the storage cannot be removed before this session's transaction ends.

        Raises: Invalid
        """
        if name in self._file:
            return self._file[name].shown
        query = select(RegisteredStorage).where(RegisteredStorage.name == name)
        row = session.scalars(query.with_for_update(read=True)).one_or_none()
        if row is None:
            raise self._unknown(name)
        return registration_of(row).shown

    def open(self, name: str) -> Storage:
        """The storage of this name. Raises: Invalid when it is not registered or holds tables, ConfigurationInvalid."""
        kept = None if holds_tables(self.describe(name).kind) else self._kept(name)
        if not isinstance(kept, ObservedStorage):
            raise Invalid(f"storage: {name!r} holds tables, not files; name another one", field="storage")
        return kept

    def open_tables(self, name: str) -> TableStorage:
        """The storage of tables of this name. Raises: Invalid when it is not registered or holds files, ConfigurationInvalid."""
        kept = self._kept(name) if holds_tables(self.describe(name).kind) else None
        if not isinstance(kept, ObservedTableStorage):
            raise Invalid(f"storage: {name!r} holds files, not tables; name another one", field="storage")
        return kept

    def _kept(self, name: str) -> ObservedStorage | ObservedTableStorage:
        found = self._find(name)
        kept = self._open.get(name)
        if kept is not None and kept[0] is found:
            return kept[1]
        # One lock a name: a file system that is away holds up nobody who asks for another storage.
        with naming(name), self._opening.setdefault(name, threading.Lock()):
            kept = self._open.get(name)
            if kept is None or kept[0] != found:
                kept = (found, self._opened(name, found))
            self._open[name] = (found, kept[1])
            return kept[1]

    def redact(self, text: str) -> str:
        """A sentence of an adapter without the secrets of any storage that this process has opened."""
        return self._redactor.redact(text)

    def reload(self) -> None:
        """See at once what this process has just committed."""
        with self._lock:
            self._asked += 1
            self._look_at = float("-inf")

    def _opened(self, name: str, found: Registration) -> ObservedStorage | ObservedTableStorage:
        shown = found.shown
        options = dict(shown.options)
        if name not in self._file:
            try:
                # Again at each opening: an entry taken from the list, or a link laid since, counts from then on.
                check_allowed(self._settings, shown.url, shown.options)
                options |= self._cipher.decrypt(found.secrets)
                check_files(self._settings, options)
            except Invalid as error:
                raise ConfigurationInvalid(error.detail) from error
            reach = reach_of(self._settings, shown.url, shown.options)
            if has_reach(shown.kind) and reach != Reach.ANY:
                options["reach"] = reach.value  # whatever whoever registered it asked for
        urls = (shown.url, *map(str, options.values()))
        secrets = {
            *map(str, secrets_of(options).values()),
            *(password for url in urls for password in passwords_in(url)),
        }
        self._redactor.add(secrets)
        redact_in_logs(secrets)
        try:
            return open_observed(name, shown, options, self._metrics)
        except ConfigurationInvalid as error:
            # Without its cause: the sentence goes into logs and jobs.
            raise ConfigurationInvalid(self.redact(error.detail)) from None

    def _find(self, name: str) -> Registration:
        found = self._file.get(name)
        if found is not None:
            return found
        self._look()
        if name not in self._rows:
            self.reload()  # it may have been registered a moment ago
            self._look()
        try:
            return self._rows[name]
        except KeyError:
            raise self._unknown(name) from None

    def _unknown(self, name: str) -> Invalid:
        known = ", ".join(sorted(self._file.keys() | self._rows.keys())) or "none"
        return Invalid(f"storage: there is none named {name!r}; registered are: {known}", field="storage")

    def _look(self) -> None:
        """Read the table if that is due; one thread does, the others take what is known unless nothing is."""
        if time.monotonic() < self._look_at:
            return
        unknown = self._look_at == float("-inf")
        if not self._looking.acquire(blocking=unknown):
            return
        try:
            if time.monotonic() >= self._look_at:
                self._read()
        finally:
            self._looking.release()

    def _read(self) -> None:
        began, asked = time.monotonic(), self._asked
        try:
            with self._database.reading() as session:
                rows = {name: registration_of(row) for name, row in registered_rows(session).items()}
        except SQLAlchemyError as error:
            if not self._rows:
                raise
            log.warning("the registered storages could not be read: %s", type(error).__name__)
            rows = self._rows
        # What has not changed stays the same object, by which `open` recognises it.
        self._rows = {
            name: self._rows[name] if self._rows.get(name) == found else found for name, found in rows.items()
        }
        for name in self._open.keys() - self._rows.keys() - self._file.keys():
            self._open.pop(name, None)
        with self._lock:
            if self._asked == asked:  # else a change was committed that this reading may have missed
                self._look_at = began + LOOK_SECONDS
