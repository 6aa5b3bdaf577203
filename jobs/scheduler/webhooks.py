"""Webhooks: tell a URL how a job ended, without lending it the network that this process stands in."""

import socket
from typing import Any

import httpx

from storage_adapters.network.address_policy import is_public

TIMEOUT_SECONDS = 5
MAX_ADDRESSES = 4


class AddressRefused(Exception):
    """The URL leads to where no webhook may go."""


def post(url: str, body: dict[str, Any], *, public_only: bool) -> bool:
    """POST the body once; whether the receiver took it.

    The host is resolved once, and what was checked is what is called. `public_only` refuses a host with any
    address that is not public. No redirect is followed, and no proxy of the environment is used.

    Raises:
        AddressRefused
        httpx.HTTPError, OSError, ValueError: nobody answered, or the URL is none.
    """
    target = httpx.URL(url)
    if target.scheme not in ("http", "https"):
        raise AddressRefused("a webhook is called by http or https")
    addresses = _addresses(target)
    if public_only and not all(map(is_public, addresses)):
        raise AddressRefused("the host is not a public one")
    with httpx.Client(trust_env=False, follow_redirects=False, timeout=TIMEOUT_SECONDS) as client:
        for address in addresses[:-1]:
            try:
                return _post(client, target, address, body)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return _post(client, target, addresses[-1], body)


def _addresses(target: httpx.URL) -> list[str]:
    port = target.port or {"http": 80, "https": 443}[target.scheme]
    found = socket.getaddrinfo(target.raw_host.decode(), port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found][:MAX_ADDRESSES]


def _post(client: httpx.Client, target: httpx.URL, address: str, body: dict[str, Any]) -> bool:
    request = client.build_request(
        "POST",
        target.copy_with(host=address),
        json=body,
        headers={"Host": target.netloc.decode()},
        # The certificate has to be the host's, not the address'.
        extensions={"sni_hostname": target.raw_host.decode()},
    )
    answer = client.send(request, stream=True)  # whatever the answer's body says, it is not read
    answer.close()
    return answer.is_success
