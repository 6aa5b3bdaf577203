"""Reach: which addresses a storage may connect to; storages that no operator named may connect to fewer."""

import socket
from enum import StrEnum

from storage_adapters.errors import AddressRefused, ConfigurationInvalid
from storage_adapters.network.address_policy import is_near


class Reach(StrEnum):
    """`any`: wherever its server sends us. `named`: only to the servers that its URL and options name. `far`: as
    `named`, and to no address of this machine or its link, whatever a name leads to when it is looked up."""

    ANY = "any"
    NAMED = "named"
    FAR = "far"


def check_reach(value: str) -> None:
    """Raises: ConfigurationInvalid."""
    if value not in tuple(Reach):
        raise ConfigurationInvalid(f"Option 'reach' must be one of: {', '.join(Reach)}.")


def addresses_of(host: str) -> list[str]:
    """What a name leads to now; nothing where it leads nowhere. Can take seconds."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, None)]
    except (OSError, UnicodeError):
        return []


def refuse_near(connected: socket.socket) -> None:
    """Close a connection to this machine or its link before a byte is sent. Raises: AddressRefused."""
    address = str(connected.getpeername()[0])
    if is_near(address):
        connected.close()
        raise _refused(address)


def refuse_near_name(host: str) -> None:
    """For a library whose connections cannot be looked at: it may find another address later. Raises: AddressRefused."""
    for address in addresses_of(host):
        if is_near(address):
            raise _refused(host)


def _refused(address: str) -> AddressRefused:
    return AddressRefused(
        f"{address} is an address of the server itself or its link; no storage may lead there."
    )
