"""Address policy: where an IP address leads, and which of these places a connection may go to.

One table says what each special range is. Two questions are asked of it: a storage that was not named by the operator
must not be `is_near`, for a private network is where storages are; a webhook in production must be `is_public`.

Sources: IANA's IPv4 and IPv6 Special-Purpose Address Registries; RFC 3879 (fec0::/10), RFC 4291 (`::/96`), RFC 2765
(`::ffff:0:0:0/96`), and the multicast ranges of RFC 5771 and RFC 4291.
"""

from collections.abc import Iterator
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network


class Scope(IntEnum):
    """How far an address leads, from the nearest."""

    MACHINE = 0
    """This machine: loopback, and `0.0.0.0`, which connects to it."""
    LINK = 1
    """Its link, where clouds answer for the machine's credentials."""
    PRIVATE = 2
    """A network of the installation, or of its provider."""
    SPECIAL = 3
    """Set aside for documents, tunnels, multicast, experiments, or not given out: no public server."""
    PUBLIC = 4


_RANGES: dict[str, Scope] = {
    "0.0.0.0/8": Scope.MACHINE,  # this network
    "10.0.0.0/8": Scope.PRIVATE,
    "100.64.0.0/10": Scope.PRIVATE,  # shared behind a provider's NAT
    "100.100.100.200/32": Scope.LINK,  # Alibaba Cloud's service of credentials
    "127.0.0.0/8": Scope.MACHINE,
    "169.254.0.0/16": Scope.LINK,
    "168.63.129.16/32": Scope.LINK,  # Azure's host
    "172.16.0.0/12": Scope.PRIVATE,
    "192.0.0.0/24": Scope.SPECIAL,  # protocols; .9 and .10 are the nearest gateway's
    "192.0.0.192/32": Scope.LINK,  # Oracle Cloud's service of credentials
    "192.0.2.0/24": Scope.SPECIAL,  # documents
    "192.31.196.0/24": Scope.SPECIAL,  # AS112: sinks of misled DNS
    "192.52.193.0/24": Scope.SPECIAL,  # tunnels of multicast
    "192.88.99.0/24": Scope.SPECIAL,  # relays of 6to4, the nearest one
    "192.168.0.0/16": Scope.PRIVATE,
    "192.175.48.0/24": Scope.SPECIAL,  # AS112
    "198.18.0.0/15": Scope.SPECIAL,  # benchmarks
    "198.51.100.0/24": Scope.SPECIAL,  # documents
    "203.0.113.0/24": Scope.SPECIAL,  # documents
    "224.0.0.0/4": Scope.SPECIAL,  # multicast
    "224.0.0.0/24": Scope.LINK,  # multicast that no router hands on
    "240.0.0.0/4": Scope.SPECIAL,  # reserved
    "255.255.255.255/32": Scope.LINK,  # broadcast
    # Of IPv6 only 2000::/3 is given out.
    "::/0": Scope.SPECIAL,
    "2000::/3": Scope.PUBLIC,
    "::/128": Scope.MACHINE,
    "::1/128": Scope.MACHINE,
    "::ffff:0:0/96": Scope.PUBLIC,  # IPv4 itself, so only what is embedded counts
    "64:ff9b::/96": Scope.PUBLIC,  # the NAT64 of a machine without IPv4: as above
    "64:ff9b:1::/48": Scope.PRIVATE,  # a NAT64 within the installation
    "100::/64": Scope.SPECIAL,  # discarded
    "100:0:0:1::/64": Scope.SPECIAL,  # dummy prefix
    "2001::/23": Scope.SPECIAL,  # protocols: Teredo, anycast, benchmarks, AMT, AS112, ORCHID, DRIP
    "2001:db8::/32": Scope.SPECIAL,  # documents
    "2002::/16": Scope.SPECIAL,  # 6to4
    "2620:4f:8000::/48": Scope.SPECIAL,  # AS112
    "3fff::/20": Scope.SPECIAL,  # documents
    "5f00::/16": Scope.SPECIAL,  # segment routing
    "fc00::/7": Scope.PRIVATE,
    "fd00:ec2::254/128": Scope.LINK,  # AWS's service of credentials
    "fe80::/10": Scope.LINK,
    "fec0::/10": Scope.PRIVATE,  # site-local, once
    "ff00::/8": Scope.SPECIAL,  # multicast
    "ff01::/16": Scope.MACHINE,  # multicast within the machine
    "ff02::/16": Scope.LINK,  # multicast within the link
}
_NETWORKS = sorted(
    ((ip_network(text), scope) for text, scope in _RANGES.items()), key=lambda each: -each[0].prefixlen
)
"""The narrowest first: the first that holds an address counts."""

_IN_THE_LAST_BITS = tuple(map(IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")))
"""IPv4-compatible, mapped, translated, NAT64."""
_OWN_NAT64 = IPv6Network("64:ff9b:1::/48")
_TEREDO = IPv6Network("2001::/32")
_SIX_TO_FOUR = IPv6Network("2002::/16")


def scope_of(address: str) -> Scope:
    """How far an address leads; the nearest counts of itself and the IPv4 addresses within it.

    Raises: ValueError: a name, or no address at all.
    """
    found = ip_address(address.partition("%")[0])
    embedded = _embedded(found) if isinstance(found, IPv6Address) else ()
    return min((_own_scope(found), *map(_own_scope, embedded)))


def is_near(address: str) -> bool:
    """Whether an IP address is one of this machine or its link; a name is not."""
    try:
        return scope_of(address) <= Scope.LINK
    except ValueError:
        return False


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public Internet. Raises: ValueError, for a name."""
    return scope_of(address) == Scope.PUBLIC


def _own_scope(address: IPv4Address | IPv6Address) -> Scope:
    return next((scope for network, scope in _NETWORKS if address in network), Scope.PUBLIC)


def _embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that a gateway or a tunnel makes of an IPv6 address."""
    bits = int(address)
    if address in _SIX_TO_FOUR:
        yield _ipv4(bits >> 80)
    elif address in _TEREDO:
        yield _ipv4(bits >> 64)  # the server
        yield _ipv4(~bits)  # the client
    elif address in _OWN_NAT64:
        yield from _of_own_nat64(bits)
    elif (
        any(address in network for network in _IN_THE_LAST_BITS) and bits > 1
    ):  # `::` and `::1` are themselves
        yield _ipv4(bits)


def _of_own_nat64(bits: int) -> Iterator[IPv4Address]:
    """Every address that may be meant, for only the gateway knows how long its prefix is.

    Source: RFC 6052, 2.2: behind 48, 56, 64 or 96 bits; bits 64 to 71 are skipped. What follows should be
    zero, but a gateway may not look at it.
    """
    without_skipped = bits >> 64 << 64 | (bits & (1 << 56) - 1) << 8
    for length in (48, 56, 64):
        behind = 128 - length - 32
        meant = _ipv4(without_skipped >> behind)
        # One of 0.0.0.0/8 is reached by no gateway, and would be read out of most addresses with another prefix.
        if int(meant) >> 24:
            yield meant
    if bits & 0xFFFFFFFF:
        yield _ipv4(bits)


def _ipv4(bits: int) -> IPv4Address:
    return IPv4Address(bits & 0xFFFFFFFF)
