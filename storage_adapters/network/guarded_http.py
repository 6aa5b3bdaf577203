"""Guarded HTTP: urllib3's connections, which two SDKs use, with their address checked before a byte is sent."""

import socket
from typing import TypeVar

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection

from storage_adapters.network.reach import refuse_near

PoolT = TypeVar("PoolT", bound=HTTPConnectionPool)
Pools = dict[str, type[HTTPConnectionPool]]


class _GuardedConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        refuse_near(connected)
        return connected


def guarded_pool(pool: type[PoolT]) -> type[PoolT]:
    """The same pool with connections that refuse addresses of this machine and its link, by `AddressRefused`."""
    connection = type("GuardedConnection", (_GuardedConnection, pool.ConnectionCls), {})
    return type(f"Guarded{pool.__name__}", (pool,), {"ConnectionCls": connection})


GUARDED_POOLS: Pools = {"http": guarded_pool(HTTPConnectionPool), "https": guarded_pool(HTTPSConnectionPool)}
"""For `PoolManager.pool_classes_by_scheme`."""
