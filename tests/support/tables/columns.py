"""Columns of every type that goes through a dataset: how each server writes them, and what they become in each format."""

import base64
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

MOMENT = dt.datetime(2024, 2, 29, 23, 59, 58, 123456, tzinfo=dt.UTC)


@dataclass(frozen=True, kw_only=True)
class Columns:
    """A table of one column a type: of a row of values, and of a row of NULL."""

    key: str
    """The type of the column `id`, which distinguishes the rows."""
    suffix: str = ""
    """What ends CREATE TABLE."""
    sql: Mapping[str, tuple[str, str]]
    """By name: the server's type, and a value in its SQL."""
    unsupported: tuple[str, str]
    """A type that has no form in Arrow, and a value of it."""

    def create(self, table: str) -> tuple[str, ...]:
        """The statements that make the table and both rows, 1 and 2."""
        types = ", ".join(f"`{name}` {kind}" for name, (kind, _) in self.sql.items())
        values = ", ".join(value for _, value in self.sql.values())
        nulls = ", ".join("NULL" for _ in self.sql)
        return (
            f"CREATE TABLE {table} (id {self.key}, {types}) {self.suffix}",
            f"INSERT INTO {table} VALUES (1, {values})",
            f"INSERT INTO {table} VALUES (2, {nulls})",
        )

    def values(self, place: int) -> dict[str, Any]:
        """The row of values: 0 in Arrow, 1 in CSV, 2 in JSON lines."""
        return {name: VALUES[name][place] for name in self.sql}


VALUES: Mapping[str, tuple[Any, str, Any]] = {
    # name: (in Arrow, in CSV, in JSON lines)
    "small": (-128, "-128", -128),
    "large": (-(2**63), "-9223372036854775808", -(2**63)),
    "huge": (2**64 - 1, "18446744073709551615", 2**64 - 1),
    "price": (Decimal("-12345678901234567890.0123456789"),
              "-12345678901234567890.0123456789", "-12345678901234567890.0123456789"),
    "wide": (Decimal("1." + "3" * 30), "1." + "3" * 30, "1." + "3" * 30),
    "ratio": (0.1, "0.1", 0.1),
    "flag": (True, "true", True),
    "day": (dt.date(2024, 2, 29), "2024-02-29", "2024-02-29"),
    "hour": (dt.time(23, 59, 58, 123456), "23:59:58.123456", "23:59:58.123456"),
    "local": (MOMENT.replace(tzinfo=None), "2024-02-29 23:59:58.123456", "2024-02-29 23:59:58.123456"),
    "moment": (MOMENT, "2024-02-29 23:59:58.123456Z", "2024-02-29 23:59:58.123456Z"),
    "bytes": (b'\x00\xff\n"', base64.b64encode(b'\x00\xff\n"').decode(), "AP8KIg=="),
    "text": ('猫,\n"狗" 😀', '猫,\n"狗" 😀', '猫,\n"狗" 😀'),
    "empty": ("", "", ""),
}  # fmt: skip

COLUMNS: Mapping[str, Columns] = {
    "mysql": Columns(
        key="INT PRIMARY KEY",
        unsupported=("POINT", "POINT(1, 1)"),
        sql={
            "small": ("TINYINT", "-128"),
            "large": ("BIGINT", "-9223372036854775808"),
            "huge": ("BIGINT UNSIGNED", "18446744073709551615"),
            "price": ("DECIMAL(30,10)", "-12345678901234567890.0123456789"),
            "wide": ("DECIMAL(65,30)", "1." + "3" * 30),
            "ratio": ("DOUBLE", "0.1"),
            "flag": ("BIT(1)", "b'1'"),
            "day": ("DATE", "'2024-02-29'"),
            "hour": ("TIME(6)", "'23:59:58.123456'"),
            "local": ("DATETIME(6)", "'2024-02-29 23:59:58.123456'"),
            "moment": ("TIMESTAMP(6) NULL", "'2024-02-29 23:59:58.123456'"),
            "bytes": ("BLOB", "x'00ff0a22'"),
            "text": ("LONGTEXT", "'猫,\\n\\\"狗\\\" 😀'"),
            "empty": ("VARCHAR(9)", "''"),
        },
    ),
    "hive": Columns(
        key="INT",
        suffix="USING parquet",
        unsupported=("INTERVAL DAY", "INTERVAL '1' DAY"),
        sql={
            "small": ("TINYINT", "-128Y"),
            "large": ("BIGINT", "-9223372036854775808L"),
            "price": ("DECIMAL(30,10)", "-12345678901234567890.0123456789BD"),
            "ratio": ("DOUBLE", "0.1D"),
            "flag": ("BOOLEAN", "true"),
            "day": ("DATE", "DATE'2024-02-29'"),
            "local": ("TIMESTAMP_NTZ", "TIMESTAMP_NTZ'2024-02-29 23:59:58.123456'"),
            "moment": ("TIMESTAMP", "TIMESTAMP'2024-02-29 23:59:58.123456Z'"),
            "bytes": ("BINARY", "X'00ff0a22'"),
            "text": ("STRING", "'猫,\\n\\\"狗\\\" 😀'"),
            "empty": ("VARCHAR(9)", "''"),
        },
    ),
}
"""By the kind of the storage."""
