"""The opener: opens storages of the settings file and of the database by name, and keeps them open."""

import logging
import threading
import time
from collections.abc import Mapping
from itertools import chain

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from datacenter.database.engine import Database
from datacenter.errors import Invalid
from datacenter.observability.logs import redact_in_logs
from datacenter.observability.metrics import Metrics
from datacenter.observability.redaction import Redactor, passwords_in
from datacenter.settings.model import Settings, StorageSettings
from datacenter.storages.allowed import (
    check_allowed,
    check_files,
    reach_of,
    resolve_allowed,
    resolved_once,
    with_safe_defaults,
)
from datacenter.storages.encryption import SecretCipher
from datacenter.storages.observed import ObservedStorage, ObservedTableStorage, naming
from datacenter.storages.platform_places import (
    canonical_places,
    count_remembered,
    platform_places,
    remember,
    remembered,
)
from datacenter.storages.rows import RegisteredStorage, Registration, registered_rows, registration_of
from datacenter.storages.secret_options import secrets_of
from datacenter.storages.source_storage import Places, SourceGuard, SourceStorage
from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.network.reach import Reach
from storage_adapters.object_storage.contract import Storage
from storage_adapters.options import OptionValue
from storage_adapters.registry import (
    has_create,
    has_reach,
    holds_tables,
    is_local,
    open_storage,
    open_tables,
)
from storage_adapters.table_storage.contract import TableStorage


def open_adapter(registered: StorageSettings, options: Mapping[str, OptionValue]) -> Storage | TableStorage:
    """The storage with these options, which include its secrets.

    A missing directory of a source is never created: it is mistyped or not mounted, and the check reports it.

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


REFRESH_SECONDS = 2.0
"""After a change or removal elsewhere, the old storage is used at most this long; a new one is seen at once."""

log = logging.getLogger(__name__)


class Storages:
    """Opens each storage once a process. Thread-safe; make a new one after a fork.

    The settings file wins over a registration of the same name. Storages of the file never cost a query; for others
    the table is read again after `REFRESH_SECONDS`, and changed ones are reopened. While the database is away, the last
    known registrations are used.
    """

    def __init__(self, settings: Settings, database: Database, metrics: Metrics | None = None) -> None:
        """Storage calls are counted in `metrics`; by default in a registry that is not exported."""
        self._metrics = metrics or Metrics()
        self._settings = settings
        self._database = database
        self._cipher = SecretCipher(settings.registration.keys)
        self._open: dict[str, tuple[Registration, ObservedStorage | ObservedTableStorage]] = {}
        self._file = {name: Registration(shown=shown) for name, shown in settings.storages.items()}
        self._real: dict[str, StorageSettings] = {}
        self._platform_places: dict[str, tuple[Registration, Places]] = {}
        self._platforms: Places | None = None
        self._remembered: Places = ()
        self._platforms_retried_at = float("-inf")
        self._rows: dict[str, Registration] = {}
        self._redactor = Redactor()
        """Has the secrets of every storage that was ever opened: an old instance may quote an old secret in an error."""
        self._refresh_at = float("-inf")
        self._reloads = 0
        self._opening: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._refreshing = threading.Lock()
        resolve_allowed(settings)

    @property
    def default_name(self) -> str:
        """The storage of datasets whose request names no storage."""
        return self._settings.default_storage

    def names(self) -> list[str]:
        """All registered names, sorted."""
        self._refresh()
        return sorted(self._file.keys() | self._rows.keys())

    def fixed_names(self) -> list[str]:
        """The names of the storages in the settings file."""
        return sorted(self._file)

    def is_fixed(self, name: str) -> bool:
        """Whether the storage is defined in the settings file."""
        return name in self._file

    def describe(self, name: str) -> StorageSettings:
        """A storage's registration; its secrets are shown as `***`. Raises: Invalid."""
        return self._find(name).shown

    def hold(self, session: Session, name: str) -> StorageSettings:
        """Like `describe`, and locks the storage: it cannot be removed before this session's transaction ends.

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
        """The object storage with this name. Raises: Invalid when it is not registered or holds tables, ConfigurationInvalid."""
        opened = None if holds_tables(self.describe(name).kind) else self._opened(name)
        if not isinstance(opened, ObservedStorage):
            raise Invalid(f"storage: {name!r} holds tables, not files; name another one", field="storage")
        return opened

    def open_source(self, name: str) -> Storage:
        """The same for imports and browsing: whatever its role is, no area of a platform can be read through it.

        Raises: as `open`.
        """
        opened = self.open(name)
        if isinstance(opened, ObservedStorage) and opened.source is not None:
            return opened.source
        return opened

    def guard(self, name: str) -> SourceGuard:
        """What must not be read from this storage as a source. Opens nothing. Raises: Invalid."""
        return SourceGuard(name, canonical_places(self._placed(name, self._find(name))), self.platforms)

    def platforms(self) -> Places:
        """Every place that is or was a platform; the last known ones while the database is away."""
        if self._platforms is None or time.monotonic() >= self._platforms_retried_at:
            try:
                self._refresh()
            except SQLAlchemyError:
                if self._platforms is None:
                    raise
                self._platforms_retried_at = time.monotonic() + REFRESH_SECONDS
        return self._platforms or ()

    def remember_platforms(self) -> None:
        """Remember the places of all platforms of the settings file and of the table; called at the start of a process."""
        self._refresh()
        places = {name: self._places(name, each) for name, each in (self._rows | self._file).items()}
        self._database.run(lambda session: remember(session, places))
        self.reload()

    def _places(self, name: str, registration: Registration) -> Places:
        """Where it keeps files of datasets; worked out once, for files of Hadoop are read."""
        cached = self._platform_places.get(name)
        if cached is None or cached[0] is not registration:
            found = platform_places(self._placed(name, registration))
            cached = self._platform_places[name] = (registration, found)
        return cached[1]

    def _placed(self, name: str, registration: Registration) -> StorageSettings:
        """A storage with its real URL: that of the settings file is resolved once, a registered one was when it was registered."""
        if name not in self._file:
            return registration.shown
        if name not in self._real:
            shown = registration.shown
            self._real[name] = shown.model_copy(update={"url": resolved_once(shown.url)})
        return self._real[name]

    def open_tables(self, name: str) -> TableStorage:
        """The table storage with this name. Raises: Invalid when it is not registered or holds files, ConfigurationInvalid."""
        registered = self.describe(name)
        if "staging" in registered.options:
            self.guard(name).check("")  # files are read there, too
        opened = self._opened(name) if holds_tables(registered.kind) else None
        if not isinstance(opened, ObservedTableStorage):
            raise Invalid(f"storage: {name!r} holds files, not tables; name another one", field="storage")
        return opened

    def _opened(self, name: str) -> ObservedStorage | ObservedTableStorage:
        registration = self._find(name)
        cached = self._open.get(name)
        if cached is not None and cached[0] is registration:
            return cached[1]
        # One lock a name: a file system that is away does not block callers of other storages.
        with naming(name), self._opening.setdefault(name, threading.Lock()):
            cached = self._open.get(name)
            if cached is None or cached[0] != registration:
                cached = (registration, self._open_anew(name, registration))
            self._open[name] = (registration, cached[1])
            return cached[1]

    def redact(self, text: str) -> str:
        """An adapter's message without the secrets of any storage that this process has opened."""
        return self._redactor.redact(text)

    def reload(self) -> None:
        """Read the table at the next use; called after this process has committed a change."""
        with self._lock:
            self._reloads += 1
            self._refresh_at = float("-inf")

    def _open_anew(self, name: str, registration: Registration) -> ObservedStorage | ObservedTableStorage:
        shown = self._placed(name, registration)
        options = dict(shown.options)
        if name not in self._file:
            try:
                # Checked at each opening: the list or a symbolic link may have changed since the registration.
                check_allowed(self._settings, shown.url, shown.options)
                options |= self._cipher.decrypt(registration.secrets)
                check_files(self._settings, options)
            except Invalid as error:
                raise ConfigurationInvalid(error.detail) from error
            options = with_safe_defaults(self._settings, shown.kind, options)
            reach = reach_of(self._settings, shown.url, shown.options)
            if has_reach(shown.kind) and reach != Reach.ANY:
                options["reach"] = reach.value  # overrides the registered value
        if is_local(shown.kind):
            options["follow_root"] = False  # overrides the registered value: the links were resolved before
        urls = (shown.url, *map(str, options.values()))
        secrets = {
            *map(str, secrets_of(options).values()),
            *(password for url in urls for password in passwords_in(url)),
        }
        self._redactor.add(secrets)
        redact_in_logs(secrets)
        try:
            opened = open_observed(name, shown, options, self._metrics)
        except ConfigurationInvalid as error:
            # Without its cause: the message goes into logs and jobs, and the cause is not redacted.
            raise ConfigurationInvalid(self.redact(error.detail)) from None
        if not isinstance(opened, ObservedStorage):
            return opened
        guard = SourceGuard(name, canonical_places(shown), self.platforms)
        opened.source = SourceStorage(opened.adapter, name, self._metrics, guard, local=is_local(shown.kind))
        return opened.source if shown.role == "source" else opened

    def _find(self, name: str) -> Registration:
        fixed = self._file.get(name)
        if fixed is not None:
            return fixed
        self._refresh()
        if name not in self._rows:
            self.reload()  # it may have been registered a moment ago
            self._refresh()
        try:
            return self._rows[name]
        except KeyError:
            raise self._unknown(name) from None

    def _unknown(self, name: str) -> Invalid:
        # Without the names of others: they may belong to other projects. See `owners.resolve`.
        return Invalid(f"storage: there is none named {name.partition('@')[0]!r}", field="storage")

    def _refresh(self) -> None:
        """Read the table if that is due. One thread reads it; the others use the last rows, or wait if a reload is pending."""
        if time.monotonic() < self._refresh_at:
            return
        unknown = self._refresh_at == float("-inf")
        if not self._refreshing.acquire(blocking=unknown):
            return
        try:
            if time.monotonic() >= self._refresh_at:
                self._read()
        finally:
            self._refreshing.release()

    def _read(self) -> None:
        began, reloads = time.monotonic(), self._reloads
        try:
            with self._database.reading() as session:
                rows = {name: registration_of(row) for name, row in registered_rows(session).items()}
                if count_remembered(session) != len(self._remembered):
                    self._remembered = remembered(session)
        except SQLAlchemyError as error:
            if not self._rows:
                raise
            log.warning("the registered storages could not be read: %s", type(error).__name__)
            rows = self._rows
        # An unchanged registration stays the same object: `_opened` compares by identity.
        self._rows = {
            name: self._rows[name] if self._rows.get(name) == row else row for name, row in rows.items()
        }
        known = (self._places(name, each) for name, each in (self._rows | self._file).items())
        places = tuple(dict.fromkeys((*chain.from_iterable(known), *self._remembered)))
        if places != self._platforms:
            self._platforms = places
        for name in self._open.keys() - self._rows.keys() - self._file.keys():
            self._open.pop(name, None)
        with self._lock:
            if (
                self._reloads == reloads
            ):  # else this read may have missed a change that was committed meanwhile
                self._refresh_at = began + REFRESH_SECONDS
