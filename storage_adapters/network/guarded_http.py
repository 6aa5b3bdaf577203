"""Far HTTP: connections of urllib3, which is beneath two SDKs, that are looked at before a byte is sent."""

import socket
from typing import TypeVar

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection

from storage_adapters.network.reach import refuse_near

PoolT = TypeVar("PoolT", bound=HTTPConnectionPool)
Pools = dict[str, type[HTTPConnectionPool]]


class _Far(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        connected = super()._new_conn()
        refuse_near(connected)
        return connected


def far_pool(pool: type[PoolT]) -> type[PoolT]:
    """The same pool whose connections never lead to this machine or its link; they raise `AddressRefused`."""
    connection = type("FarConnection", (_Far, pool.ConnectionCls), {})
    return type(f"Far{pool.__name__}", (pool,), {"ConnectionCls": connection})


FAR_POOLS: Pools = {"http": far_pool(HTTPConnectionPool), "https": far_pool(HTTPSConnectionPool)}
"""For `PoolManager.pool_classes_by_scheme`."""
