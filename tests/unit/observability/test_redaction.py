"""Redaction: passwords of URLs as drivers and brokers read them, not as the standard library does."""

import pytest

from datacenter.observability.redaction import Redactor, passwords_in, redacted_url

PASSWORDS = ["canary", "can[ary", "can]ary", "can/ary", "can#ary", "can?ary", "can%40ary", "can:ary"]


@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("url", ["mysql+pymysql://u:{}@127.0.0.1:1/db", "redis://:{}@host:6379/0"])
def test_a_password_is_found_and_redacted_whatever_signs_it_has(url: str, password: str) -> None:
    line = url.format(password)

    assert password in passwords_in(line)
    assert password not in redacted_url(line)
    assert redacted_url(line) == url.format("***")
    assert password not in Redactor(passwords_in(line)).redact(f"cannot connect to {line} with {password}")


def test_every_server_of_a_list_of_brokers_has_its_password_redacted() -> None:
    brokers = "sentinel://:canary-1@a:26379;sentinel://:canary-2@b:26379"

    assert {"canary-1", "canary-2"} <= set(passwords_in(brokers))
    assert redacted_url(brokers) == "sentinel://:***@a:26379;sentinel://:***@b:26379"


@pytest.mark.parametrize(
    "url", ["nas:///mnt/a:b@c", "https://host:8080/path", "cos://bucket", "no url at all"]
)
def test_a_url_without_a_password_stays_as_it_was_written(url: str) -> None:
    assert (redacted_url(url), passwords_in(url)) == (url, [])
