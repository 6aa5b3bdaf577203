"""Diagnosis of database errors: the reason in one sentence, and whether the error may pass with time."""

from dataclasses import dataclass, replace

from sqlalchemy import URL, make_url
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Why a database refuses a correct statement of this release. A bug of ours has no cause.

    `reason` is for the operator, who can change the database or the settings; if it is empty, the operator gets the
    driver's message. `answer` is for clients, and reveals nothing about the installation.
    """

    answer: str
    reason: str = ""
    may_pass: bool = False


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Why a database cannot be used. It contains no password."""

    reason: str
    may_pass: bool = False

    def __str__(self) -> str:
        return f"database.url: {self.reason}"


AWAY = Cause(answer="the database does not answer; try again", may_pass=True)
FAILED = Cause(answer="the database failed; try again")
BUSY = Cause(
    answer="the database is busy; try again",
    reason="the database is busy: other transactions hold the locks; try again, and look for a slow transaction",
    may_pass=True,
)
READ_ONLY = Cause(
    answer="the database is read-only at the moment; try again later",
    reason="the server is read-only; connect to the primary server, or wait for the failover",
    may_pass=True,
)
FULL = Cause(
    answer="the database has no space left",
    reason="the server has no disk space or memory left; free some",
)
DAMAGED = Cause(
    answer="the database is damaged; the log has the details",
    reason="the database is damaged; repair it, or restore it from a backup",
)
SCHEMA = Cause(
    answer="the database has no tables of this version; run `datacenter migrate`",
    reason="the database has no tables of this version; run `datacenter migrate`",
)
REFUSED = Cause(answer="the database refuses this server; the log has the details")
WRONG_FILE = replace(REFUSED, answer="the database cannot be opened; the log has the details")


def _refused(reason: str) -> Cause:
    return replace(REFUSED, reason=reason)


_PASSWORD = _refused("the server refuses the user or the password; correct them")
_NO_DATABASE = _refused("the server has no database of this name; create it, or correct the name")
_TABLES = _refused("this user lacks a privilege on the tables; grant it, or use another user")

BY_NUMBER: dict[int, Cause] = {
    # No free connection, the server is shutting down or missing, or the connection broke or was closed by the server.
    **dict.fromkeys((1040, 1053, 1203, 1226, 2002, 2003, 2006, 2013, 2055), AWAY),
    **dict.fromkeys((1152, 1158, 1159, 1160, 1161, 1184, 1317, 1927, 4031), AWAY),
    # A lock wait timeout, a deadlock, a row or a table that changed meanwhile, a statement timeout.
    **dict.fromkeys((1020, 1205, 1213, 1412, 1969, 3024), BUSY),
    **dict.fromkeys((1223, 1290, 1792, 1836), READ_ONLY),
    **dict.fromkeys((1021, 1037, 1038, 1041, 1114, 1135), FULL),
    1823: replace(FULL, reason="the server cannot write; see its log"),
    **dict.fromkeys((126, 127, 144, 145, 1034, 1035, 1194, 1195, 1712), DAMAGED),
    # No such column, no such table, and a table whose data file is missing.
    **dict.fromkeys((1054, 1146, 1932), SCHEMA),
    1044: _refused("this user may not use the database; grant access, or use another user"),
    1045: _PASSWORD,
    1046: _refused("the URL names no database; put its name after the host"),
    1049: _NO_DATABASE,
    1129: _refused("the server blocks this host after many errors; run FLUSH HOSTS there to unblock it"),
    1130: _refused("the server accepts no connection from this host; allow the user to connect from it"),
    1142: _TABLES,
    1143: _TABLES,
    1227: _refused("this user lacks a privilege; grant it, or use another user"),
    1698: _PASSWORD,
    **dict.fromkeys((1820, 1862), _refused("the user's password has expired; set a new one")),
}
"""By the error number of MySQL and MariaDB."""
OURS_BY_NUMBER = frozenset({1052, 1055, 1056, 1060, 1064, 1222, 1241, 1305, 1364, 1390})
"""Bugs in our statements, although the driver raises OperationalError for them."""
BY_MESSAGE: dict[str, Cause] = {
    "database is locked": BUSY,
    "database table is locked": BUSY,
    "database schema has changed": BUSY,
    "database or disk is full": replace(FULL, reason="the disk of the file is full; free some space"),
    "no such table": SCHEMA,
    "no such column": SCHEMA,
    "has no column named": SCHEMA,
    "database disk image is malformed": DAMAGED,
    "disk I/O error": FAILED,
    "unable to open database file": replace(
        WRONG_FILE,
        reason="the file cannot be opened; its directory must exist and be writable",
    ),
    "file is not a database": replace(
        WRONG_FILE, reason="the file is not an SQLite database; use another file"
    ),
    "attempt to write a readonly database": replace(
        READ_ONLY,
        reason="the file is read-only; its owner must be the user of this program",
        may_pass=False,
    ),
}
"""By SQLite's message, or a part of it."""
OURS_BY_MESSAGE = (
    "syntax error",
    "incomplete input",
    "ambiguous column name",
    "no such function",
    "too many SQL variables",
    "Error binding parameter",
    "API misuse",
)


def cause_of(error: SQLAlchemyError) -> Cause | None:
    """Why the database failed; None for a bug of ours: a statement or values that no database would accept."""
    if isinstance(error, PoolTimeout):
        return replace(BUSY, reason="all connections of this process are in use; try again")
    if not isinstance(error, DBAPIError):
        return None
    number = _number_of(error)
    message = "" if number else str(error.orig)
    known = BY_NUMBER.get(number) or next(
        (cause for part, cause in BY_MESSAGE.items() if part in message), None
    )
    if known is not None:
        return known
    if isinstance(error, (ProgrammingError, IntegrityError, DataError, NotSupportedError)):
        return None
    if number in OURS_BY_NUMBER or any(part in message for part in OURS_BY_MESSAGE):
        return None
    # A driver error without a number means that the connection is lost.
    return FAILED if number or type(error) is DatabaseError else AWAY


def trouble_of(error: SQLAlchemyError, url: str) -> Trouble:
    """What the error says about the database at this URL."""
    cause = cause_of(error)
    driver = getattr(error, "orig", None) or error
    if cause is AWAY and _number_of(error):
        place = make_url(url)
        return Trouble(
            reason=f"no database answers at {_address(place)} ({_driver_message(driver)}); "
            "check that it runs and that the address is correct",
            may_pass=True,
        )
    if cause is None or not cause.reason:
        return Trouble(reason=f"the database cannot be used: {_driver_message(driver)}")
    return Trouble(reason=cause.reason, may_pass=cause.may_pass)


def _number_of(error: SQLAlchemyError) -> int:
    """MySQL's error number; 0 if there is none, as in SQLite's errors."""
    number = next(iter(getattr(getattr(error, "orig", None), "args", ())), None)
    return number if isinstance(number, int) else 0


def _address(url: URL) -> str:
    return f"{url.host or 'localhost'}:{url.port or 3306}"


def _driver_message(driver: BaseException) -> str:
    """The first line of the driver's message, without the error number."""
    message = str(driver.args[1] if len(driver.args) > 1 else driver).strip()
    return message.splitlines()[0].removesuffix(".") if message else type(driver).__name__
