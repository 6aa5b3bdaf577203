"""Statements: a SELECT is prepared and executed, because only then its rows come in the binary protocol.

Numbers and dates then cost the server nothing to write and us nothing to parse.
Source: https://mariadb.com/kb/en/com_stmt_prepare/, https://mariadb.com/kb/en/com_stmt_execute/
"""

from struct import Struct
from typing import Any

from pymysql.constants import COMMAND
from pymysql.protocol import FieldDescriptorPacket

from storage_adapters.errors import ServerUntrusted
from storage_adapters.mysql.columns import ServerField
from storage_adapters.mysql.connection import Connection, result_of
from storage_adapters.mysql.faults import FILE_REFUSED

_PREPARED = Struct("<xIHH")
"""The answer's zero, the statement's number, and how many columns and parameters it has."""

_EXECUTE = Struct("<IBI")
"""The statement's number, the kind of cursor, and how often, which is always once."""
_NO_CURSOR = 0


def execute_select(connection: Connection, statement: str, *, columns: int) -> list[ServerField]:
    """Execute a SELECT of so many columns and return them as the server describes them; its rows are then there for `read_blocks`, before anything else is sent.

    The server keeps the prepared statement as long as the connection.

    Raises:
        pymysql.Error: the server refuses the statement.
        ServerUntrusted: it answers with anything but rows.
    """
    number, prepared = _prepare(connection, statement)
    if len(prepared) != columns:
        raise ServerUntrusted("The server prepared another statement than the SELECT.")
    talk: Any = connection
    talk._execute_command(COMMAND.COM_STMT_EXECUTE, _EXECUTE.pack(number, _NO_CURSOR, 1))
    talk._read_query_result(unbuffered=True)
    result = result_of(connection)
    if not result.unbuffered_active or len(result.fields) != columns:
        raise ServerUntrusted("The server answered a SELECT without its columns.")
    fields: list[ServerField] = result.fields
    return fields


def prepare_select(connection: Connection, statement: str) -> list[ServerField]:
    """The columns of a SELECT as the server describes them, who does not run it. Raises as `execute_select`."""
    return _prepare(connection, statement)[1]


def _prepare(connection: Connection, statement: str) -> tuple[int, list[ServerField]]:
    """The number and the columns of a statement without parameters."""
    talk: Any = connection
    talk._execute_command(COMMAND.COM_STMT_PREPARE, statement)
    answer = talk._read_packet()
    if answer.is_load_local_packet():
        raise ServerUntrusted(FILE_REFUSED)
    described = answer.get_all_data()
    if not answer.is_ok_packet() or len(described) < _PREPARED.size:
        raise ServerUntrusted("The server answered a SELECT without preparing it.")
    number, columns, parameters = _PREPARED.unpack_from(described)
    if parameters or not columns:
        raise ServerUntrusted("The server prepared another statement than the SELECT.")
    fields = [talk._read_packet(FieldDescriptorPacket) for _ in range(columns)]
    talk._read_packet()  # it ends them
    return number, fields
