"""Sealing: secrets under keys that can be rotated, and sentences that quote none of them."""

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from datacenter.errors import Invalid
from datacenter.observability.redaction import Redactor, redacted_url
from datacenter.storages.encryption import SecretCipher
from datacenter.storages.secret_options import redacted_options
from storage_adapters.errors import ConfigurationInvalid

OLD, NEW = (SecretStr(Fernet.generate_key().decode()) for _ in range(2))
SECRETS = {"secret_key": "canary", "password": "密码"}


def test_what_was_sealed_is_opened_and_does_not_show() -> None:
    token = SecretCipher([OLD]).encrypt(SECRETS)

    assert token is not None
    assert "canary" not in token
    assert SecretCipher([OLD]).decrypt(token) == SECRETS


def test_nothing_needs_no_key() -> None:
    assert SecretCipher([]).encrypt({}) is None
    assert SecretCipher([]).decrypt(None) == {}


def test_a_secret_without_a_key_is_refused_with_the_cure() -> None:
    with pytest.raises(Invalid, match=r"registration\.keys") as caught:
        SecretCipher([]).encrypt(SECRETS)

    assert caught.value.field == "options.password"
    assert "canary" not in caught.value.detail


def test_keys_rotate_new_first_then_renewed_then_the_old_one_goes() -> None:
    token = SecretCipher([OLD]).encrypt(SECRETS) or ""
    assert SecretCipher([NEW, OLD]).decrypt(token) == SECRETS
    with pytest.raises(ConfigurationInvalid):
        SecretCipher([NEW]).decrypt(token)

    renewed = SecretCipher([NEW, OLD]).reencrypt(token)

    assert SecretCipher([NEW]).decrypt(renewed) == SECRETS
    assert SecretCipher([NEW]).decrypt(SecretCipher([NEW]).reencrypt(renewed)) == SECRETS


@pytest.mark.parametrize("keys", [[], [NEW]])
def test_a_token_of_a_lost_key_is_told_without_a_word_of_it(keys: list[SecretStr]) -> None:
    token = SecretCipher([OLD]).encrypt(SECRETS) or ""
    for call in (SecretCipher(keys).decrypt, SecretCipher(keys).reencrypt):
        with pytest.raises(ConfigurationInvalid, match=r"registration\.keys") as caught:
            call(token)
        assert token not in caught.value.detail


def test_secret_options_are_hidden_by_their_names() -> None:
    hidden = redacted_options(
        {"secret_key": "a", "db_password": "b", "access_key": 3, "auth": True, "region": "x"}
    )

    assert hidden == {
        "secret_key": "***",
        "db_password": "***",
        "access_key": "***",
        "auth": "***",
        "region": "x",
    }


def test_a_url_is_shown_without_its_password_and_query() -> None:
    assert redacted_url("cos://user:canary@host/b?k=canary") == "cos://user:***@host/b?***"
    assert redacted_url("cos://[canary") == "***"
    assert redacted_url("nas:///mnt/data") == "nas:///mnt/data"


def test_a_password_in_an_option_that_is_a_url_is_hidden() -> None:
    shown = redacted_options(
        {"proxy": "http://user:canary@proxy:3128", "endpoint": "http://rgw:7480", "threads": 4}
    )

    assert shown == {"proxy": "http://user:***@proxy:3128", "endpoint": "http://rgw:7480", "threads": 4}


def test_a_sentence_is_scrubbed_of_every_secret_it_quotes() -> None:
    assert Redactor(["canary", "canary-2", True, "ab"]).redact("key canary-2, canary") == "key ***, ***"
