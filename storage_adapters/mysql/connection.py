"""Connections: to the server with every guard on, waits that can be called off, and all of it gone when the block ends."""

import io
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TypeAlias

import pymysql
from pymysql.constants import CR

from storage_adapters.mysql.faults import translated
from storage_adapters.mysql.options import MysqlOptions
from storage_adapters.network.reach import Reach, refuse_near
from storage_adapters.network.tls import any_certificate, tls_context
from storage_adapters.network.waiting import Check, always_wanted, receive

Connection: TypeAlias = "pymysql.Connection[Any]"

SQL_MODE = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"
"""Strict, so that no value is cut silently; without ANSI_QUOTES and NO_BACKSLASH_ESCAPES, so that we know how text is read."""

_END_SECONDS = 10


@contextmanager
def connected(
    options: MysqlOptions, *, writing: bool = False, check: Check = always_wanted
) -> Iterator[Connection]:
    """A connection in UTC and utf8mb4, read-only unless `writing`; errors inside come out as the storage's.

    LOCAL INFILE is off and several statements in one are off. `check` is called about every second of a wait. On
    leaving, whatever the server still has to send is not waited for, and what was asked and given up is ended there.

    Raises:
        StorageUnavailable, PermissionDenied, ConfigurationInvalid: no connection.
    """
    with translated():
        connection = _connect(options)
        answers = listen(connection, seconds=options.stall_seconds, check=check)
        try:
            execute(connection, *_session(options, writing))
            yield connection
        finally:
            hang_up(connection)
            if answers.left_open:
                _end_elsewhere(options, connection)


def execute(connection: Connection, *statements: str) -> int:
    """Run statements that give no rows; the count of rows that the last one changed."""
    changed = 0
    with connection.cursor() as cursor:
        for statement in statements:
            changed = cursor.execute(statement)
    return changed


def fetch(connection: Connection, statement: str, values: tuple[str, ...] = ()) -> list[tuple[Any, ...]]:
    """All rows of a small answer; the values take the places of `%s`, quoted."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return list(cursor.fetchall())


def server_version(connection: Connection) -> str:
    """What the server calls itself; MariaDB has its name in it, and spells some settings in its own way."""
    return str(connection.server_version).removeprefix("5.5.5-")  # type: ignore[attr-defined]  # missing in the stubs


def result_of(connection: Connection) -> Any:
    """PyMySQL's own view of the last answer, which no public name gives: the columns with their flags, and the stream."""
    return connection._result  # type: ignore[attr-defined]  # the stubs know public names only


def forget_rows(connection: Connection) -> None:
    """Let PyMySQL know of no rows that are still to come: it would fetch them before it does anything else."""
    result = result_of(connection)
    if result is not None:
        result.unbuffered_active = False
        result.connection = None


def hang_up(connection: Connection) -> None:
    """Close without reading to the end."""
    forget_rows(connection)
    with suppress(pymysql.Error, OSError):
        connection.close()


def _end_elsewhere(options: MysqlOptions, connection: Connection) -> None:
    """End what a connection asked for by another one: a server sees that its client is gone only when it has a row to send."""
    with suppress(pymysql.Error, OSError):
        other = _connect(replace(options, stall_seconds=_END_SECONDS))
        try:
            execute(other, f"KILL {connection.thread_id()}")  # type: ignore[no-untyped-call]  # untyped in the stubs
        finally:
            hang_up(other)


def _connect(options: MysqlOptions) -> Connection:
    connection: Connection = pymysql.connect(
        defer_connect=True,
        host=options.host,
        port=options.port,
        user=options.user,
        # PyMySQL takes text for Latin-1.
        password=options.password.encode(),
        charset="utf8mb4",
        local_infile=False,
        autocommit=True,
        connect_timeout=options.connect_seconds,
        read_timeout=options.connect_seconds,  # for the greeting and the login; later answers see `listen`
        write_timeout=options.stall_seconds,
        ssl=_tls(options),
        ssl_disabled=options.tls in ("off", "preferred"),
    )
    if options.tls == "preferred":
        # PyMySQL would read all the system's authorities, each time, for a certificate that it does not look at.
        wire: Any = connection  # its types do not tell of the context
        wire.ssl, wire.ctx = True, any_certificate()
    connection.connect(_far_socket(options) if options.reach == Reach.FAR else None)
    return connection


def _far_socket(options: MysqlOptions) -> socket.socket:
    """A connection to the server that was looked at before anything is said. Raises: AddressRefused, pymysql.Error."""
    try:
        connected = socket.create_connection((options.host, options.port), options.connect_seconds)
    except OSError as error:
        # As PyMySQL says it of a connection of its own.
        words = f"Can't connect to MySQL server on {options.host!r} ({error})"
        raise pymysql.OperationalError(CR.CR_CONN_HOST_ERROR, words) from error
    refuse_near(connected)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return connected


def _session(options: MysqlOptions, writing: bool) -> list[str]:
    statements = [
        f"SET SESSION sql_mode = '{SQL_MODE}', time_zone = '+00:00', "
        f"net_write_timeout = {options.stall_seconds}, net_read_timeout = {options.stall_seconds}"
    ]
    if writing:
        # A writer whose machine is gone keeps its transaction, and who publishes waits for that.
        statements.append(f"SET SESSION wait_timeout = {options.stall_seconds}")
    else:
        statements.append("SET SESSION TRANSACTION READ ONLY")
    return statements


def _tls(options: MysqlOptions) -> ssl.SSLContext | None:
    """What the connection must fulfil; None leaves it to what the server has."""
    if options.tls in ("off", "preferred"):
        return None
    return tls_context(
        options.tls, ca=options.tls_ca, certificate=options.tls_certificate, key=options.tls_key
    )


class Answers(io.RawIOBase):
    """The bytes of a connection, as PyMySQL reads them."""

    def __init__(self, connection: socket.socket, *, seconds: float, check: Check) -> None:
        self._socket = connection
        self._seconds = seconds
        self._check = check
        self.left_open = False
        """Whether the wait for an answer was given up, while the server may go on."""

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase`. Raises: OSError, and whatever the check does."""
        try:
            data = receive(self._socket, len(buffer), seconds=self._seconds, check=self._check)
        except BaseException as error:
            # A connection that broke was ended by the server, or there is none.
            self.left_open = isinstance(error, TimeoutError) or not isinstance(error, OSError)
            raise
        buffer[: len(data)] = data
        return len(data)


def listen(connection: Any, *, seconds: float, check: Check) -> Answers:
    """Let a connection of PyMySQL's, of which nothing is read ahead, wait so from now on."""
    answers = Answers(connection._sock, seconds=seconds, check=check)
    connection._rfile.close()
    connection._rfile = io.BufferedReader(answers)
    return answers
