"""A SELECT is prepared and executed, and a server that answers with anything else is refused."""

import socket
from collections.abc import Callable, Iterator

import pymysql
import pytest
from pymysql.constants import FIELD_TYPE
from support.servers.rogue_mysql import HANDSHAKE, OK
from support.tables.binary_rows import END, TIME_LIMIT, row

from storage_adapters.errors import QueryInvalid, QueryLimit, ServerUntrusted
from storage_adapters.mysql.connection import Connection, disconnect
from storage_adapters.mysql.faults import translated
from storage_adapters.mysql.reading import execute_select
from storage_adapters.mysql.wire import read_blocks

COLUMN = b"\x03def\0\0\0\x01c\0\x0c\x3f\0" + bytes([11, 0, 0, 0, FIELD_TYPE.LONG, 0, 0, 0, 0, 0])
BAD_QUERY = b"\xff" + (1064).to_bytes(2, "little") + b"#42000You have an error in your SQL syntax"

Answering = Callable[[list[bytes], list[bytes]], Connection]


def prepared(columns: int = 1, parameters: int = 0) -> bytes:
    shape = columns.to_bytes(2, "little") + parameters.to_bytes(2, "little")
    return b"\0" + (7).to_bytes(4, "little") + shape + b"\0\0\0"


PREPARED = [prepared(), COLUMN, END]


@pytest.fixture
def answering() -> Iterator[Answering]:
    """A connection to a server that answers a preparation and an execution with these packets and hangs up."""
    ours, theirs = socket.socketpair()
    connection: Connection = pymysql.connect(defer_connect=True, autocommit=None, ssl_disabled=True)

    def connect(preparation: list[bytes], execution: list[bytes]) -> Connection:
        answers = ((0, [HANDSHAKE]), (2, [OK]), (1, [OK]), (1, preparation), (1, execution))
        for first, packets in answers:
            for number, packet in enumerate(packets, first):
                theirs.sendall(len(packet).to_bytes(3, "little") + bytes([number]) + packet)
        theirs.shutdown(socket.SHUT_WR)
        connection.connect(ours)
        return connection

    with ours, theirs:
        yield connect
        disconnect(connection)


def test_rows_come_in_the_binary_protocol(answering: Answering) -> None:
    rows = [row([(5).to_bytes(4, "little")]), row([None])]
    connection = answering(PREPARED, [b"\x01", COLUMN, END, *rows, END])
    (column,) = execute_select(connection, "SELECT c FROM t", columns=1)
    assert (column.name, column.type_code) == ("c", FIELD_TYPE.LONG)
    assert [block.rows for block in read_blocks(connection)] == [2]


@pytest.mark.parametrize(
    ("preparation", "execution"),
    [
        ([prepared(columns=2), COLUMN, COLUMN, END], []),
        ([prepared(parameters=1), COLUMN, END, COLUMN, END], []),
        ([END], []),
        ([b"\xfb/etc/passwd"], []),
        (PREPARED, [OK]),
        (PREPARED, [b"\xfb/etc/passwd"]),
        (PREPARED, [b"\x02", COLUMN, COLUMN, END]),
    ],
)
def test_a_server_that_answers_with_anything_but_rows_is_refused(
    answering: Answering, preparation: list[bytes], execution: list[bytes]
) -> None:
    with pytest.raises(ServerUntrusted), translated():
        execute_select(answering(preparation, execution), "SELECT c FROM t", columns=1)


def test_a_statement_the_server_does_not_understand_is_invalid(answering: Answering) -> None:
    with pytest.raises(QueryInvalid), translated():
        execute_select(answering([BAD_QUERY], []), "SELECT c FROM t", columns=1)


def test_a_time_limit_in_the_middle_of_rows_is_told_as_such(answering: Answering) -> None:
    rows = [row([(5).to_bytes(4, "little")])] * 10
    connection = answering(PREPARED, [b"\x01", COLUMN, END, *rows, TIME_LIMIT])
    execute_select(connection, "SELECT c FROM t", columns=1)
    with pytest.raises(QueryLimit), translated():
        list(read_blocks(connection))


def test_a_server_that_hangs_up_in_the_middle_of_rows_is_lost(answering: Answering) -> None:
    connection = answering(PREPARED, [b"\x01", COLUMN, END, row([None])])
    execute_select(connection, "SELECT c FROM t", columns=1)
    with pytest.raises(pymysql.Error, match="Lost connection"):
        list(read_blocks(connection))
