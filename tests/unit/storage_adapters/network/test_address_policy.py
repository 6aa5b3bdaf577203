"""The address policy knows every special range of IANA's registries, and the IPv4 address within an IPv6 one."""

import socket
from typing import cast

import pytest

from jobs.scheduler import webhooks
from storage_adapters.errors import AddressRefused
from storage_adapters.network.address_policy import Scope, is_near, is_public, scope_of
from storage_adapters.network.reach import refuse_near, refuse_near_name

MACHINE, LINK, PRIVATE, SPECIAL, PUBLIC = Scope

CREDENTIALS = ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")

IPV4 = {
    # IANA IPv4 Special-Purpose Address Registry: the first and the last address of each range.
    "0.0.0.0/8": (MACHINE, "0.0.0.0", "0.255.255.255"),
    "10.0.0.0/8": (PRIVATE, "10.0.0.0", "10.255.255.255"),
    "100.64.0.0/10": (PRIVATE, "100.64.0.0", "100.127.255.255"),
    "127.0.0.0/8": (MACHINE, "127.0.0.0", "127.255.255.255"),
    "169.254.0.0/16": (LINK, "169.254.0.0", "169.254.169.254", "169.254.255.255"),
    "172.16.0.0/12": (PRIVATE, "172.16.0.0", "172.31.255.255"),
    "192.0.0.0/24": (SPECIAL, "192.0.0.0", "192.0.0.255"),
    "192.0.0.0/29": (SPECIAL, "192.0.0.1", "192.0.0.7"),
    "192.0.0.8/32": (SPECIAL, "192.0.0.8"),
    "192.0.0.9/32": (SPECIAL, "192.0.0.9"),
    "192.0.0.10/32": (SPECIAL, "192.0.0.10"),
    "192.0.0.170/31": (SPECIAL, "192.0.0.170", "192.0.0.171"),
    "192.0.2.0/24": (SPECIAL, "192.0.2.0", "192.0.2.255"),
    "192.31.196.0/24": (SPECIAL, "192.31.196.0", "192.31.196.255"),
    "192.52.193.0/24": (SPECIAL, "192.52.193.0", "192.52.193.255"),
    "192.88.99.0/24": (SPECIAL, "192.88.99.0", "192.88.99.2", "192.88.99.255"),
    "192.168.0.0/16": (PRIVATE, "192.168.0.0", "192.168.255.255"),
    "192.175.48.0/24": (SPECIAL, "192.175.48.0", "192.175.48.255"),
    "198.18.0.0/15": (SPECIAL, "198.18.0.0", "198.19.255.255"),
    "198.51.100.0/24": (SPECIAL, "198.51.100.0", "198.51.100.255"),
    "203.0.113.0/24": (SPECIAL, "203.0.113.0", "203.0.113.255"),
    "240.0.0.0/4": (SPECIAL, "240.0.0.0", "255.255.255.254"),
    "255.255.255.255/32": (LINK, "255.255.255.255"),
    # Multicast.
    "224.0.0.0/24": (LINK, "224.0.0.0", "224.0.0.255"),
    "224.0.0.0/4": (SPECIAL, "224.0.1.0", "239.255.255.255"),
}
IPV6 = {
    # IANA IPv6 Special-Purpose Address Registry.
    "::1/128": (MACHINE, "::1"),
    "::/128": (MACHINE, "::"),
    "100::/64": (SPECIAL, "100::", "100::ffff:ffff:ffff:ffff"),
    "100:0:0:1::/64": (SPECIAL, "100:0:0:1::", "100::1:ffff:ffff:ffff:ffff"),
    "2001::/23": (SPECIAL, "2001:5::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    "2001:1::1/128": (SPECIAL, "2001:1::1"),
    "2001:1::2/128": (SPECIAL, "2001:1::2"),
    "2001:1::3/128": (SPECIAL, "2001:1::3"),
    "2001:2::/48": (SPECIAL, "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"),
    "2001:3::/32": (SPECIAL, "2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff"),
    "2001:4:112::/48": (SPECIAL, "2001:4:112::", "2001:4:112:ffff:ffff:ffff:ffff:ffff"),
    "2001:10::/28": (SPECIAL, "2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff"),
    "2001:20::/28": (SPECIAL, "2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff"),
    "2001:30::/28": (SPECIAL, "2001:30::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff"),
    "2001:db8::/32": (SPECIAL, "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    "2620:4f:8000::/48": (SPECIAL, "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"),
    "3fff::/20": (SPECIAL, "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    "5f00::/16": (SPECIAL, "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    "fc00::/7": (PRIVATE, "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    "fe80::/10": (LINK, "fe80::", "fe80::1%eth0", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    # Gone from the registry, or reserved.
    "fec0::/10": (PRIVATE, "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    "not given out": (SPECIAL, "1::", "200::1", "1fff:ffff::", "4000::", "8000::1", "e000::", "fe00::"),
    # Multicast.
    "ff00::/8": (SPECIAL, "ff00::", "ff05::2", "ff0e::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    "ff01::/16": (MACHINE, "ff01::1"),
    "ff02::/16": (LINK, "ff02::1"),
}
EMBEDDED = {
    # IPv4 itself, and NAT64: as far as the IPv4 address.
    "::ffff:0:0/96": ("::ffff:{}", PUBLIC),
    "64:ff9b::/96": ("64:ff9b::{}", PUBLIC),
    # Never farther than the range itself.
    "::/96": ("::{}", SPECIAL),
    "::ffff:0:0:0/96": ("::ffff:0:{}", SPECIAL),
    "2002::/16": ("2002:{0:x}:{1:x}::1", SPECIAL),
    "2001::/32 server": ("2001:0:{0:x}:{1:x}:0:0:a1b2:c3d4", SPECIAL),
    "2001::/32 client": ("2001:0:5db8:d70e:0:0:{2:x}:{3:x}", SPECIAL),
    "64:ff9b:1::/48 behind 96 bits": ("64:ff9b:1:a:b:c:{}", PRIVATE),
    "64:ff9b:1::/48 behind 48 bits": ("64:ff9b:1:{0:x}:{4:x}:{5:x}::", PRIVATE),
    "64:ff9b:1::/48 behind 56 bits": ("64:ff9b:1:ab{6:02x}:{7:x}:{8:x}::", PRIVATE),
    "64:ff9b:1::/48 behind 64 bits": ("64:ff9b:1:abcd:{6:x}:{9:x}:{10:x}:0", PRIVATE),
    "64:ff9b:1::/48 behind 64 bits, with a suffix": ("64:ff9b:1:abcd:{6:x}:{9:x}:{10:x}:1", PRIVATE),
}
WITHIN = {
    "127.0.0.1": MACHINE,
    "0.0.0.5": MACHINE,
    "169.254.169.254": LINK,
    "10.1.2.3": PRIVATE,
    "192.0.2.1": SPECIAL,
    "93.184.215.14": PUBLIC,
}


def embed(form: str, ipv4: str) -> str:
    """The IPv6 address of this form, of the octets as the RFCs lay them."""
    a, b, c, d = map(int, ipv4.split("."))
    high, low = a << 8 | b, c << 8 | d
    parts = (high, low, high ^ 0xFFFF, low ^ 0xFFFF, c, d << 8, a, b, c << 8 | d, b << 8 | c, d << 8)
    return form.format(ipv4) if "{}" in form else form.format(*parts)


@pytest.mark.parametrize(
    ("address", "scope"),
    [
        pytest.param(address, scope, id=f"{network} {address}")
        for network, (scope, *addresses) in {**IPV4, **IPV6}.items()
        for address in addresses
    ],
)
def test_every_special_range_leads_as_far_as_its_registry_says(address: str, scope: Scope) -> None:
    assert scope_of(address) is scope
    assert is_near(address) == (scope in (MACHINE, LINK))
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *(
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
        ),
        *("169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0"),
        *("192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"),
        *(
            "2000::",
            "2001:200::",
            "2001:db7:ffff::",
            "2001:db9::",
            "2003::",
            "2606:2800:21f:cb07:6820:80da::",
        ),
        *("3fff:1000::", "3ffe:ffff::"),
    ],
)
def test_what_stands_beside_the_special_ranges_is_public(address: str) -> None:
    assert is_public(address)
    assert not is_near(address)


@pytest.mark.parametrize("ipv4", WITHIN)
@pytest.mark.parametrize("form", EMBEDDED)
def test_an_ipv4_address_within_an_ipv6_one_counts_where_it_is_nearer(form: str, ipv4: str) -> None:
    pattern, farthest = EMBEDDED[form]
    # With a prefix whose length is not known, one of 0.0.0.0/8 could be read out of most addresses.
    guessed = any(behind in form for behind in ("48 bits", "56 bits", "64 bits")) and ipv4.startswith("0.")

    assert scope_of(embed(pattern, ipv4)) is (farthest if guessed else min(farthest, WITHIN[ipv4]))


@pytest.mark.parametrize("name", ["", "localhost", "rgw.example.com", "1.2.3", "::g"])
def test_a_name_is_not_near_and_cannot_be_asked_whether_it_is_public(name: str) -> None:
    assert not is_near(name)
    with pytest.raises(ValueError, match="address"):
        is_public(name)


@pytest.mark.parametrize(
    "address",
    [
        *("64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"),  # once let pass by storages
        *("64:ff9b:1::7f00:1", "::127.0.0.1", "::ffff:0:169.254.169.254"),
    ],
)
def test_storages_and_webhooks_ask_the_same_policy(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, 80, 0, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    with pytest.raises(AddressRefused):
        refuse_near_name("hook.example")
    with pytest.raises(webhooks.WebhookAddressRefused):
        webhooks.post("http://hook.example/", {}, public_only=True)


@pytest.mark.parametrize(
    "address", ["64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::1", "127.0.0.9", *CREDENTIALS]
)
def test_a_connection_that_has_led_near_is_closed_before_a_byte_is_sent(address: str) -> None:
    connected = Connected(address)

    with pytest.raises(AddressRefused):
        refuse_near(cast("socket.socket", connected))

    assert connected.closed


@pytest.mark.parametrize("address", CREDENTIALS)
def test_where_clouds_answer_for_the_machines_credentials_is_near(address: str) -> None:
    assert scope_of(address) is LINK
    assert not is_public(address)


class Connected:
    """A socket that is connected to an address."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.closed = False

    def getpeername(self) -> tuple[str, int]:
        return self.address, 80

    def close(self) -> None:
        self.closed = True


def test_a_webhook_goes_to_no_site_local_address(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fec0::1", 80, 0, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

    with pytest.raises(webhooks.WebhookAddressRefused):
        webhooks.post("http://hook.example/", {}, public_only=True)
