"""What is wrong with a database, in words: what it or its driver refuses, and whether waiting may cure it."""

from dataclasses import dataclass

from sqlalchemy import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

UNREACHABLE = frozenset({1040, 1053, 2002, 2003, 2006, 2013, 2055})
"""MySQL: no connection is free, it is shutting down, there is no server, or it went away."""
REFUSALS = {
    1044: "this user may not use the database; grant it, or name another user",
    1045: "the server refuses the user or the password; correct them",
    1046: "the URL names no database; put its name behind the host",
    1049: "the server has no database of this name; create it, or correct the name",
    1142: "this user may not do that with the tables; grant it, or name another user",
    1698: "the server refuses the user or the password; correct them",
    1823: "the server cannot write; see its log",
}
"""By MySQL's number."""
SQLITE_REFUSALS = {
    "unable to open database file": "the file cannot be opened; its directory must exist, and be one that can be written to",
    "file is not a database": "the file is not an SQLite database; name another one",
    "attempt to write a readonly database": "the file cannot be written to; its owner must be the user of this program",
}
"""By SQLite's words."""


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Why a database cannot be used. No password is in it."""

    reason: str
    may_pass: bool = False

    def __str__(self) -> str:
        return f"database.url: {self.reason}"


def trouble_of(error: SQLAlchemyError, url: str) -> Trouble:
    """What the error says about the database at this URL."""
    driver = getattr(error, "orig", None) or error
    number = next(iter(driver.args), None)
    if number in UNREACHABLE:
        place = make_url(url)
        return Trouble(
            reason=f"no database answers at {_address(place)} ({_told(driver)}); is it up, and the address right?",
            may_pass=True,
        )
    known = REFUSALS.get(number) if isinstance(number, int) else SQLITE_REFUSALS.get(str(number))
    return Trouble(reason=known or f"the database cannot be used: {_told(driver)}")


def _address(url: URL) -> str:
    return f"{url.host or 'localhost'}:{url.port or 3306}"


def _told(driver: BaseException) -> str:
    """The driver's sentence, without its number and what follows the first line."""
    words = driver.args[1] if len(driver.args) > 1 else driver
    return (
        str(words).strip().splitlines()[0].removesuffix(".") if str(words).strip() else type(driver).__name__
    )
