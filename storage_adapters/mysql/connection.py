"""Connections: to the server with every guard on, waits that can be called off, and all of it gone when the block ends."""

import io
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, NoReturn, TypeAlias

import pymysql
from pymysql.constants import CR

from storage_adapters.mysql.faults import translated
from storage_adapters.mysql.options import MysqlOptions
from storage_adapters.network.reach import Reach, refuse_near
from storage_adapters.network.tls import any_certificate, tls_context
from storage_adapters.network.waiting import Check, never_cancelled, receive

Connection: TypeAlias = "pymysql.Connection[Any]"

SQL_MODE = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"
"""Strict, so that no value is cut silently; without ANSI_QUOTES and NO_BACKSLASH_ESCAPES, so that all servers read text
alike."""

_END_SECONDS = 10


@contextmanager
def connected(
    options: MysqlOptions, *, writing: bool = False, check: Check = never_cancelled
) -> Iterator[Connection]:
    """A connection in UTC and utf8mb4, read-only unless `writing`; errors inside come out as the storage's.

    LOCAL INFILE is off and several statements in one are off. `check` is called about every second of a wait. At
    the end of the block, rows that the server still has to send are not waited for, and a cancelled statement is killed.

    Raises:
        StorageUnavailable, PermissionDenied, ConfigurationInvalid: no connection.
    """
    with translated():
        connection = _connect(options)
        answers = watch_answers(connection, seconds=options.stall_seconds, check=check)
        try:
            execute(connection, *_session(options, writing))
            yield connection
        finally:
            disconnect(connection)
            if answers.abandoned:
                _kill_elsewhere(options, connection)


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
    """The server's version text; that of MariaDB, which spells some settings in its own way, has its name in it."""
    return str(connection.server_version).removeprefix("5.5.5-")  # type: ignore[attr-defined]  # missing in the stubs


def result_of(connection: Connection) -> Any:
    """PyMySQL's result of the last statement, which has no public name: the columns with their flags, and the stream."""
    return connection._result  # type: ignore[attr-defined]  # the stubs have public names only


def discard_rows(connection: Connection) -> None:
    """Make PyMySQL ignore the rows that are still to come: it would fetch them before anything else."""
    result = result_of(connection)
    if result is not None:
        result.unbuffered_active = False
        result.connection = None


def disconnect(connection: Connection) -> None:
    """Close without reading the rest of an answer."""
    discard_rows(connection)
    with suppress(pymysql.Error, OSError):
        connection.close()


def _kill_elsewhere(options: MysqlOptions, connection: Connection) -> None:
    """Kill a connection's statement over another one: a server notices that a client is gone only when it sends a row."""
    with suppress(pymysql.Error, OSError):
        other = _connect(replace(options, stall_seconds=_END_SECONDS))
        try:
            execute(other, f"KILL {connection.thread_id()}")  # type: ignore[no-untyped-call]  # untyped in the stubs
        finally:
            disconnect(other)


VERIFIED = ("verify-ca", "verify-identity")
READABLE_LOGINS = ("mysql_clear_password", "dialog", "mysql_old_password")
"""Ways to log in that send the password as it is, or so that it can be computed. Any server can ask for them."""


class RefusedLogin:
    """Refuses to send a password that a server without a verified certificate could read."""

    def __init__(self, connection: Connection) -> None:
        """Made by PyMySQL when a server asks for one of these ways."""

    def authenticate(self, _: object) -> NoReturn:
        """Raises: pymysql.OperationalError, before a byte is sent."""
        raise pymysql.OperationalError(
            CR.CR_AUTH_PLUGIN_CANNOT_LOAD,
            "the server asks for the password in a readable form; set the option tls to verify-identity, "
            "or let the account use another way to log in",
        )


def _connect(options: MysqlOptions) -> Connection:
    connection: Connection = pymysql.connect(
        defer_connect=True,
        host=options.host,
        port=options.port,
        user=options.user,
        # PyMySQL would encode text as Latin-1.
        password=options.password.encode(),
        charset="utf8mb4",
        local_infile=False,
        autocommit=True,
        connect_timeout=options.connect_seconds,
        read_timeout=options.connect_seconds,  # for the greeting and the login; later answers see `watch_answers`
        write_timeout=options.stall_seconds,
        ssl=_tls(options),
        ssl_disabled=options.tls in ("off", "preferred"),
        auth_plugin_map={} if options.tls in VERIFIED else dict.fromkeys(READABLE_LOGINS, RefusedLogin),
    )
    if options.tls == "preferred":
        # PyMySQL would load all the system's authorities each time, for a certificate that it does not check.
        wire: Any = connection  # its types lack the context
        wire.ssl, wire.ctx = True, any_certificate()
    connection.connect(_guarded_socket(options) if options.reach == Reach.FAR else None)
    return connection


def _guarded_socket(options: MysqlOptions) -> socket.socket:
    """A connection to the server whose address was checked before a byte is sent. Raises: AddressRefused, pymysql.Error."""
    try:
        connected = socket.create_connection((options.host, options.port), options.connect_seconds)
    except OSError as error:
        # The same error as PyMySQL raises for its own connections.
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
        # A writer whose machine is gone keeps its transaction, and publishing waits for that.
        statements.append(f"SET SESSION wait_timeout = {options.stall_seconds}")
    else:
        statements.append("SET SESSION TRANSACTION READ ONLY")
    return statements


def _tls(options: MysqlOptions) -> ssl.SSLContext | None:
    """The context for the connection; None leaves TLS to the server."""
    if options.tls in ("off", "preferred"):
        return None
    return tls_context(
        options.tls, ca=options.tls_ca, certificate=options.tls_certificate, key=options.tls_key
    )


class AnswerStream(io.RawIOBase):
    """The bytes of a connection, as PyMySQL reads them."""

    def __init__(self, connection: socket.socket, *, seconds: float, check: Check) -> None:
        self._socket = connection
        self._seconds = seconds
        self._check = check
        self.abandoned = False
        """Whether the wait for an answer ended early, while the server may go on."""

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase`. Raises: OSError, and what the check raises."""
        try:
            data = receive(self._socket, len(buffer), seconds=self._seconds, check=self._check)
        except BaseException as error:
            # After any other OSError there is no connection, and so no statement to kill.
            self.abandoned = isinstance(error, TimeoutError) or not isinstance(error, OSError)
            raise
        buffer[: len(data)] = data
        return len(data)


def watch_answers(connection: Any, *, seconds: float, check: Check) -> AnswerStream:
    """Let a PyMySQL connection, of which nothing is read ahead, read its answers in this way from now on."""
    answers = AnswerStream(connection._sock, seconds=seconds, check=check)
    connection._rfile.close()
    connection._rfile = io.BufferedReader(answers)
    return answers
