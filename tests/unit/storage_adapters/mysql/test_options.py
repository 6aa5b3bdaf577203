"""A MySQL storage is opened by URL and options, and no password is ever shown."""

import pytest

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.mysql.options import options_from_url


def test_url_and_options_make_one_thing_and_options_win() -> None:
    options = options_from_url("mysql://us%40er:p%2Fw@db:3307", {"password": "other", "tls": "required"})
    assert (options.host, options.port, options.user, options.password) == ("db", 3307, "us@er", "other")
    assert "other" not in repr(options)


@pytest.mark.parametrize(
    ("url", "options", "word"),
    [
        ("mysql://u:secret@db:port", {}, "form"),
        ("postgres://u:secret@db", {}, "mysql://"),
        ("mysql://u:secret@db?ssl=0", {}, "without"),
        ("mysql://:secret@db", {}, "user"),
        ("mysql://u:secret@", {}, "host"),
        ("mysql://u:secret@db", {"tls": "maybe"}, "'tls'"),
        ("mysql://u:secret@db", {"colour": "blue"}, "'colour'"),
        ("mysql://u:secret@db", {"stall_seconds": 0}, "Seconds"),
    ],
)
def test_what_cannot_work_is_named_without_the_password(
    url: str, options: dict[str, str | int], word: str
) -> None:
    with pytest.raises(ConfigurationInvalid, match=word) as caught:
        options_from_url(url, options)
    assert "secret" not in str(caught.value)
