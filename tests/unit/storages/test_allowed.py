"""Allowed places: whole segments and ports, whatever a caller writes, and never this machine by a detour."""

import os
import socket
from pathlib import Path

import pytest

from datacenter.errors import Invalid
from datacenter.settings.model import Settings
from datacenter.storages.allowed import check_allowed, check_far, resolved


def _settings(*allow: str, environment: str = "production") -> Settings:
    return Settings(environment=environment, registration={"allow": allow})


def _refused(settings: Settings, url: str, options: dict | None = None) -> str | None:
    with pytest.raises(Invalid) as caught:
        check_allowed(settings, url, options or {})
    return caught.value.field


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("nas:///mnt/inbox", "nas:///mnt/inbox"),
        ("nas:///mnt/inbox", "nas:///mnt/inbox/"),
        ("/mnt/inbox", "nas:///mnt/inbox/deep/er"),
        ("nas:///mnt/inbox", "/mnt/inbox/../inbox/x"),
        ("https://rgw.example.com", "https://RGW.example.com:443/bucket"),
        ("https://rgw.example.com:8443", "https://rgw.example.com:8443"),
        ("https://rgw.example.com/a", "https://rgw.example.com/a/b"),
        ("ceph://rgw.example.com", "ceph://rgw.example.com./bucket"),
        ("hdfs://[2001:db8::1]:9000", "hdfs://[2001:db8::1]:9000/data"),
    ],
)
def test_a_listed_place_and_what_lies_below_it_may_be_registered(entry: str, url: str) -> None:
    check_allowed(_settings(entry), url, {})


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("nas:///mnt/inbox", "nas:///mnt/inbox2"),
        ("nas:///mnt/inbox", "nas:///mnt"),
        ("nas:///mnt/inbox", "nas:///mnt/inbox/../secret"),
        ("https://rgw.example.com", "http://rgw.example.com"),
        ("https://rgw.example.com", "https://rgw.example.com:8443"),
        ("https://rgw.example.com", "https://rgw.example.com.evil.example"),
        ("https://rgw.example.com", "https://evil.example/rgw.example.com"),
        ("https://rgw.example.com", "https://rgw.example.com@evil.example"),
        ("https://rgw.example.com/a", "https://rgw.example.com/ab"),
        ("https://rgw.example.com/a", "https://rgw.example.com/a/../b"),
        ("https://rgw.example.com/a", "https://rgw.example.com/a/%2e%2e/b"),
        ("https://rgw.example.com/a", "https://rgw.example.com/a/..\\b"),
        ("https://rgw.example.com", "https://evil.example\\@rgw.example.com"),
        ("https://rgw.example.com", "memory://x"),
        ("https://rgw.example.com", "nowhere"),
        ("https://rgw.example.com", "https://["),
        ("https://rgw.example.com", "https://rgw.example.com:99999"),
    ],
)
def test_no_other_place_may_be_however_it_is_written(entry: str, url: str) -> None:
    assert _refused(_settings(entry), url) == "url"


def test_nothing_may_be_registered_in_production_that_is_not_listed_and_everything_in_development() -> None:
    assert _refused(_settings(), "nas:///mnt/inbox") == "url"
    check_allowed(_settings(environment="development"), "nas:///mnt/inbox", {})
    assert _refused(_settings("nas:///mnt/a", environment="development"), "nas:///mnt/inbox") == "url"


@pytest.mark.parametrize(
    "options",
    [
        {"endpoint": "https://evil.example"},
        {"endpoint": "evil.example:443"},
        {"namenodes": "nn.example.com:9000,evil.example:9000"},
        {"callback": "http://evil.example/x"},
        {"server": "169.254.169.254"},
        {"staging": "hdfs://nn.example.com:9000,10.0.0.5:80/x"},
        {"staging": "webhdfs://nn.example.com:9000"},
        {"staging": "nas:///srv/inbox,/../../../etc"},
        {"staging": "/srv/inbox,/../../../etc"},
        {"staging": "nn.example.com:9000,10.0.0.5:80"},
        {"port": 22},
        {"host": "rgw.example.com"},
    ],
)
def test_every_option_that_is_an_address_has_to_be_listed_too(options: dict) -> None:
    settings = _settings("ceph://rgw.example.com", "hdfs://nn.example.com:9000", "nas:///srv/inbox")

    assert _refused(settings, "ceph://rgw.example.com/b", options) == f"options.{next(iter(options))}"


def test_options_that_are_listed_addresses_or_none_at_all_are_fine() -> None:
    settings = _settings("ceph://rgw.example.com", "https://rgw.example.com")
    options = {"endpoint": "rgw.example.com:443", "addressing_style": "virtual", "proxy": "", "threads": 8}

    check_allowed(settings, "ceph://rgw.example.com/bucket", options)


def test_a_url_with_a_password_or_a_query_is_refused_and_not_quoted() -> None:
    for url in ("cos://user:canary@host/b", "cos://host/b?key=canary", "cos://host/b#canary"):
        with pytest.raises(Invalid) as caught:
            check_allowed(_settings(environment="development"), url, {})
        assert "canary" not in caught.value.detail


def test_a_symbolic_link_counts_as_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "secret").mkdir()
    os.symlink(tmp_path / "secret", tmp_path / "inbox" / "link")
    settings = _settings(f"nas://{tmp_path}/inbox")

    assert _refused(settings, f"nas://{tmp_path}/inbox/link") == "url"
    assert resolved(f"nas://{tmp_path}/inbox/link/x") == f"nas://{tmp_path.resolve()}/secret/x"


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "169.254.169.254", "fe80::1", "::ffff:127.0.0.1", "0.0.0.0"]
)
def test_a_name_that_leads_to_this_machine_or_its_link_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (address, 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    settings = _settings("https://rgw.example.com")

    with pytest.raises(Invalid, match="the server itself or its link"):
        check_far(settings, "https://rgw.example.com/b", {})
    check_far(settings.model_copy(update={"environment": "development"}), "https://rgw.example.com/b", {})


def test_this_machine_may_be_registered_where_its_very_address_is_listed() -> None:
    check_far(_settings("http://127.0.0.1:9000"), "http://127.0.0.1:9000/b", {})
    check_far(_settings("http://localhost:9000"), "http://localhost:9000/b", {})
