"""Signed links: the holder may fetch one download until it expires; nothing in the link can be altered."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from datacenter.datasets.archives.downloads import check_link, sign_link
from datacenter.datasets.models import Download
from datacenter.errors import Gone, LinkInvalid, SettingsInvalid

SECRET = SecretStr("s" * 40)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DOWNLOAD = Download(id="download", project_id="project", expires_at=NOON)
TOKEN = sign_link(SECRET, DOWNLOAD)


def test_a_link_names_its_download_until_it_expires() -> None:
    assert check_link(SECRET, TOKEN, NOON - timedelta(seconds=1)) == ("download", "project")

    for later in (NOON, NOON + timedelta(days=1)):
        with pytest.raises(Gone):
            check_link(SECRET, TOKEN, later)


def test_another_key_refuses_it() -> None:
    with pytest.raises(LinkInvalid):
        check_link(SecretStr("t" * 40), TOKEN, NOON - timedelta(hours=1))


def test_without_a_key_there_are_no_links() -> None:
    with pytest.raises(SettingsInvalid):
        sign_link(SecretStr(""), DOWNLOAD)


@given(st.integers(0, len(TOKEN) - 1), st.characters())
def test_no_character_of_it_can_be_changed(at: int, character: str) -> None:
    altered = TOKEN[:at] + character + TOKEN[at + 1 :]
    if altered != TOKEN:
        with pytest.raises(LinkInvalid):
            check_link(SECRET, altered, NOON - timedelta(hours=1))


@given(st.integers(0, len(TOKEN) - 1))
def test_a_link_that_was_cut_is_damaged(length: int) -> None:
    with pytest.raises(LinkInvalid):
        check_link(SECRET, TOKEN[:length], NOON - timedelta(hours=1))


@given(st.text(max_size=80))
def test_any_text_is_refused_as_a_link(text: str) -> None:
    with pytest.raises(LinkInvalid):
        check_link(SECRET, text, NOON)


def test_an_expired_link_that_was_altered_is_called_altered() -> None:
    content, _, signature = TOKEN.partition(".")
    later = base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)).replace(b"GET", b"PUT")
    forged = base64.urlsafe_b64encode(later).rstrip(b"=").decode()

    with pytest.raises(LinkInvalid):
        check_link(SECRET, f"{forged}.{signature}", NOON + timedelta(days=1))
