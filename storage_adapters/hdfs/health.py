"""Health: whether the servers can be reached at all, in words that say what to change."""

import socket
from collections.abc import Sequence

from storage_adapters.errors import ConfigurationInvalid, StorageError, StorageUnavailable
from storage_adapters.strangers import Spoken, stranger_on

_SECONDS = 5.0


def try_addresses(addresses: Sequence[tuple[str, int]], spoken: Spoken | None = None) -> None:
    """Connect to the first server that lets us, and ask it what it speaks if that is given.

    Raises:
        ConfigurationInvalid, StorageUnavailable: none does; the detail says why for each. Or it speaks otherwise.
    """
    faults: list[StorageError] = []
    for host, port in addresses:
        try:
            with socket.create_connection((host, port), timeout=_SECONDS) as connection:
                stranger = stranger_on(connection, f"{host}:{port}", spoken) if spoken else ""
            if not stranger:
                return
            faults.append(ConfigurationInvalid(stranger))
        except socket.gaierror:
            faults.append(ConfigurationInvalid(f"The name {host!r} is not found: correct the host."))
        except ConnectionRefusedError:
            faults.append(
                StorageUnavailable(
                    f"{host}:{port} refuses connections: is the server up, and the port right?"
                )
            )
        except TimeoutError:
            faults.append(
                StorageUnavailable(
                    f"{host}:{port} does not answer within {_SECONDS:g} seconds: does a firewall stand between?"
                )
            )
        except OSError as error:
            faults.append(StorageUnavailable(f"{host}:{port} cannot be reached: {error.strerror or error}."))
    if faults:
        raise type(faults[-1])(" ".join(fault.detail for fault in faults))
