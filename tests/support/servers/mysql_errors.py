"""Errors of MySQL as SQLAlchemy raises them: the class is the one that the driver has for the number."""

import struct

import pymysql
from pymysql.err import raise_mysql_exception
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError


def mysql_error(number: int, words: str = "the server's words") -> DBAPIError:
    """What an engine raises when the server, or the driver, answers with this number."""
    dialect = create_engine("mysql+pymysql://").dialect
    error = DBAPIError.instance("SELECT", {}, _of_driver(number, words), pymysql.Error, dialect=dialect)
    assert isinstance(error, DBAPIError)
    return error


def _of_driver(number: int, words: str) -> pymysql.Error:
    if 2000 <= number < 2100:  # the driver's own: no packet has brought it
        return pymysql.OperationalError(number, words)
    try:
        raise_mysql_exception(b"\xff" + struct.pack("<h", number) + b"#HY000" + words.encode())
    except pymysql.Error as error:
        return error
    raise AssertionError("unreachable: the driver raises")
