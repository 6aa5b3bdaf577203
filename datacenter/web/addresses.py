"""Addresses of clients: that of the connection, or the one that a trusted proxy names."""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

UNKNOWN = "unknown"
IPV6_PREFIX = 64
"""One client has as many IPv6 addresses as it likes within such a network."""
MAX_REMEMBERED = 4096
SCHEMES = ("http", "https")
HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


class Proxies:
    """The proxies in front of the web layer (`web.trusted_proxies`), whose `X-Forwarded-…` headers count."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._networks = tuple(ip_network(each, strict=False) for each in trusted)
        # Addresses come from connections and headers, so there may be any number of them.
        self._is_trusted = lru_cache(MAX_REMEMBERED)(self._look_up)

    def trusts(self, address: str | None) -> bool:
        """Whether this is the address of a trusted proxy."""
        return bool(self._networks) and address is not None and self._is_trusted(address)

    def client_of(self, scope: Scope) -> str:
        """The address of the client: the last one in `X-Forwarded-For` that is no proxy, if a proxy has sent the request."""
        peer = peer_of(scope)
        if not self.trusts(peer):
            return peer
        forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
        for named in reversed(forwarded.split(",")):
            address = parsed(named)
            if address is None:
                break
            if not self.trusts(str(address)):
                return str(address)
        return peer

    def base_url_of(self, scope: Scope) -> str:
        """Where a client reaches this server: the host that a trusted proxy names, or where the connection arrived."""
        if self.trusts(peer_of(scope)):
            headers = Headers(scope=scope)
            host = headers.get("x-forwarded-host", "")
            scheme = headers.get("x-forwarded-proto", scope["scheme"])
            if HOST.fullmatch(host) and scheme in SCHEMES:
                return f"{scheme}://{host}"
        host, port = scope["server"]
        return f"{scope['scheme']}://[{host}]:{port}" if ":" in host else f"{scope['scheme']}://{host}:{port}"

    def _look_up(self, address: str) -> bool:
        found = parsed(address)
        return found is not None and any(found in network for network in self._networks)


def peer_of(scope: Scope) -> str:
    """The address at the other end of the connection."""
    client = scope.get("client")
    return client[0] if client else UNKNOWN


def one_client(address: str) -> str:
    """What counts as one client: an IPv4 address, or a network of IPv6 addresses."""
    if ":" not in address:
        return address
    found = parsed(address)
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, IPV6_PREFIX), strict=False))
    return str(found or address)


def parsed(text: str) -> IPv4Address | IPv6Address | None:
    """An address, without its zone; IPv4 in the form of IPv6 is IPv4."""
    try:
        found = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
