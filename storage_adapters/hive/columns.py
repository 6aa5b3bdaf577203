"""Columns: the Arrow fields of a source's columns, from the server's description of them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from impala._thrift_gen.TCLIService import ttypes

from storage_adapters.errors import ColumnUnsupported, QueryInvalid
from storage_adapters.hive.engines import Engine
from storage_adapters.hive.session import Session
from storage_adapters.table_storage.source import Source

TYPES: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "varchar": pa.string(),
    "char": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp_ntz": pa.timestamp("us"),
}
"""TIMESTAMP is the engine's; INTERVAL, VOID, UNIONTYPE and Hive's TIMESTAMP WITH LOCAL TIME ZONE are left out on purpose."""

_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_LENGTH = re.compile(r"(varchar|char)\(\d+\)")
_NESTED = re.compile(r"(array|map|struct)<(.*)>", re.DOTALL)
_LOCAL_TIME_ZONE_TYPE = 22
"""Of Hive 3; impyla knows the types of Hive 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a source: its Arrow field, and the server's name of its type."""

    field: "pa.Field[Any]"
    type_name: str


def schema_of(columns: list[Column]) -> pa.Schema:
    """The Arrow schema of the columns."""
    return pa.schema([column.field for column in columns])


def probe(session: Session, source: Source, *, nested: bool) -> list[Column]:
    """The columns of the source, which is compiled and not run; arrays, maps and structs only if `nested`.

    Raises:
        ColumnUnsupported: the detail names column and type.
        QueryInvalid: two columns have one name.
    """
    if session.engine.describes_queries:
        rows = session.execute(f"DESCRIBE QUERY SELECT * FROM {source.sql}").texts()
        described = [(row[0], row[1]) for row in rows]
    else:
        described = _of_result(session, source)
    seen = set[str]()
    for name, _ in described:
        if name.lower() in seen:
            raise QueryInvalid(f"Two columns of {source.title} are called {name!r}: rename one with AS.")
        seen.add(name.lower())
    return [_column(source, session.engine, name, type_name, nested) for name, type_name in described]


def arrow_type(type_name: str, engine: Engine) -> pa.DataType | None:
    """The Arrow type for a type's name in the server, also a nested one; None if there is none."""
    if type_name == "timestamp":
        return engine.timestamp
    if decimal := _DECIMAL.fullmatch(type_name):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    if length := _LENGTH.fullmatch(type_name):
        return TYPES[length[1]]
    if nested := _NESTED.fullmatch(type_name):
        return _nested_type(nested[1], list(_split(nested[2])), engine)
    return TYPES.get(type_name)


def _column(source: Source, engine: Engine, name: str, type_name: str, nested: bool) -> Column:
    kind = arrow_type(type_name, engine)
    if kind is None:
        raise ColumnUnsupported(
            f"Column {name!r} of {source.title} has a type that Arrow cannot represent: {type_name}."
        )
    if pa.types.is_nested(kind) and not nested:
        raise ColumnUnsupported(
            f"Column {name!r} of {source.title} has the type {type_name}, which can be read only with the option"
            " 'staging', or in a query as text, by to_json()."
        )
    return Column(field=pa.field(name, kind), type_name=type_name)


def _nested_type(outer: str, parts: list[str], engine: Engine) -> pa.DataType | None:
    names, inner = [], []
    for part in parts:
        name, _, type_name = part.partition(":") if outer == "struct" else ("", "", part)
        kind = arrow_type(type_name.strip(), engine)
        if kind is None:
            return None
        names.append(name)
        inner.append(kind)
    match outer, inner:
        case "array", [item]:
            return pa.list_(item)
        case "map", [key, item]:
            return pa.map_(key, item)
        case "struct", _:
            return pa.struct(list(zip(names, inner, strict=True)))
    return None


def _split(text: str) -> Iterator[str]:
    """The parts between commas outside brackets."""
    depth = start = 0
    for position, character in enumerate(text):
        depth += {"<": 1, "(": 1, ">": -1, ")": -1}.get(character, 0)
        if character == "," and not depth:
            yield text[start:position]
            start = position + 1
    yield text[start:]


def _of_result(session: Session, source: Source) -> list[tuple[str, str]]:
    """Names and types of a result without rows, as Hive describes them: `source.column` and the outer type."""
    result = session.execute(f"SELECT * FROM {source.sql} LIMIT 0")
    described = result.columns()
    result.close()
    return [(_text(column.columnName).rpartition(".")[2], _type_name(column)) for column in described]


def _type_name(column: Any) -> str:
    entry = column.typeDesc.types[0].primitiveEntry
    if entry.type == ttypes.TTypeId.DECIMAL_TYPE:
        qualifiers = {_text(name): value.i32Value for name, value in entry.typeQualifiers.qualifiers.items()}
        return f"decimal({qualifiers['precision']},{qualifiers['scale']})"
    if entry.type == _LOCAL_TIME_ZONE_TYPE:
        return "timestamp with local time zone"
    name = ttypes.TTypeId._VALUES_TO_NAMES.get(entry.type, f"number {entry.type}")
    return str(name).removesuffix("_TYPE").lower()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
