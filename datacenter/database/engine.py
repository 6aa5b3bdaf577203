"""The database: one engine a process, short transactions, the database's own clock."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

import uuid_utils
from sqlalchemy import Connection, DateTime, Engine, create_engine, event, func, select
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeDecorator

from datacenter.settings.model import DatabaseSettings

T = TypeVar("T")
READ_ONLY = "datacenter_read_only"
DEADLOCKS = {1205, 1213}
"""MySQL: lock wait timeout and deadlock. 1205 rolls back only the statement, so the whole transaction is repeated."""
DUPLICATE = 1062
"""MySQL: a row with this key already exists."""
REPEATS = 8


class Base(DeclarativeBase):
    """All tables of the data centre."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime with microseconds, stored without its zone."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if dialect.name == "mysql" else DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC).replace(tzinfo=None) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None else None


class database_now(GenericFunction[datetime]):  # noqa: N801 - named like the SQL functions beside it
    """The database's clock in UTC: the only clock for leases and expiries."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(database_now, "sqlite")
def _sqlite_now(element: Any, compiler: Any, **_: Any) -> str:
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


@compiles(database_now, "mysql")
@compiles(database_now, "mariadb")
def _mysql_now(element: Any, compiler: Any, **_: Any) -> str:
    return "UTC_TIMESTAMP(6)"


def new_id() -> str:
    """A UUIDv7: ids sort by creation time."""
    return str(uuid_utils.uuid7())


class Database:
    """Sessions on one engine. Thread-safe; open a new one after a fork."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self.engine = _create_engine(settings)
        self.info: dict[str, Any] = {}
        """Passed to every session as its `info`."""

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """A session that commits at the end or rolls back; on SQLite it takes the write lock at the start.

        Otherwise a read that becomes a write later fails at once on SQLite in WAL mode, regardless of the busy timeout.
        """
        with Session(self.engine, expire_on_commit=False, info=self.info) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A read-only session without locks.

        Each statement sees what was committed before it, so two statements may see different states. On SQLite all
        statements see the state that the first one saw.
        """
        connect = self.engine.connect().execution_options(**{READ_ONLY: True})
        with connect as connection, Session(connection, expire_on_commit=False) as session:
            yield session

    def run(self, work: Callable[[Session], T]) -> T:
        """Run `work` in a transaction; after a deadlock or a lock wait timeout, repeat it from the start."""
        for attempt in range(REPEATS):
            try:
                with self.transaction() as session:
                    return work(session)
            except OperationalError as error:
                if attempt == REPEATS - 1 or not _worth_repeating(error):
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def now(session: Session) -> datetime:
    """The database's time, UTC."""
    value: datetime = session.execute(select(func.database_now())).scalar_one()
    return value


def is_duplicate(error: DBAPIError) -> bool:
    """Whether an insert failed on a row with the same key (an IntegrityError can also be a missing parent)."""
    arguments = getattr(error.orig, "args", ())
    return DUPLICATE in arguments or any("UNIQUE constraint" in str(argument) for argument in arguments)


def _worth_repeating(error: OperationalError) -> bool:
    number = next(iter(getattr(error.orig, "args", ())), None)
    return number in DEADLOCKS


def _create_engine(settings: DatabaseSettings) -> Engine:
    if settings.url.startswith("sqlite"):
        engine = create_engine(
            settings.url, hide_parameters=True, connect_args={"timeout": 30}, pool_size=settings.pool_size
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        settings.url,
        hide_parameters=True,  # errors are logged, and parameters may hold secrets
        pool_size=settings.pool_size,
        max_overflow=settings.pool_size,
        pool_pre_ping=True,
        pool_recycle=1800,
        isolation_level="READ COMMITTED",
        connect_args={"connect_timeout": 5, "read_timeout": 60, "write_timeout": 60},
    )


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the driver must not begin on its own: `_begin_sqlite` does
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    mode = "BEGIN" if connection.get_execution_options().get(READ_ONLY) else "BEGIN IMMEDIATE"
    connection.exec_driver_sql(mode)
