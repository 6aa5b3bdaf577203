"""SQLite without waiting for the disk: what a test keeps need not survive the loss of power."""

from typing import Any

from sqlalchemy import Engine, event


def without_waiting(engine: Engine) -> None:
    """Connections that are opened from now on leave it to the kernel when their commits reach the disk."""

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")
