"""Webhooks: post the end of a job to a URL, without giving access to the network of this process."""

import socket
from typing import Any

import httpx

from storage_adapters.network.address_policy import is_public

TIMEOUT_SECONDS = 5
MAX_ADDRESSES = 4


class WebhookAddressRefused(Exception):
    """A webhook must not be sent to this address."""


def post(url: str, body: dict[str, Any], *, public_only: bool) -> bool:
    """POST the body once; returns whether the receiver accepted it.

    The host is resolved once, so the checked address is the one that is called. `public_only` refuses a host with
    any address that is not public. No redirect is followed, and no proxy of the environment is used.

    Raises:
        WebhookAddressRefused
        httpx.HTTPError, OSError, ValueError: no answer, or the URL is invalid.
    """
    target = httpx.URL(url)
    if target.scheme not in ("http", "https"):
        raise WebhookAddressRefused("a webhook needs an http or https URL")
    addresses = _addresses(target)
    if public_only and not all(map(is_public, addresses)):
        raise WebhookAddressRefused("the host has an address that is not public")
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
        # The certificate has to match the host name, not the address.
        extensions={"sni_hostname": target.raw_host.decode()},
    )
    response = client.send(request, stream=True)  # the body is never read
    response.close()
    return response.is_success
