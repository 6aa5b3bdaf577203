"""The example of an allow-list in the documentation allows what its page registers, and nothing beside it."""

import re
from pathlib import Path

import pytest
import yaml

from datacenter.errors import Invalid
from datacenter.settings.model import Settings
from datacenter.storages.allowed import check_allowed

PAGE = (Path(__file__).parents[3] / "docs/storages/registering.md").read_text()
EXAMPLE = re.search(r"```yaml\n(registration:\n  allow:.*?)```", PAGE, re.DOTALL)
ADDED = re.findall(r"storages add \S+ --kind \S+ --url (\S+)((?:.|\\\n)*?)\n(?!  )", PAGE)


def _settings() -> Settings:
    assert EXAMPLE
    return Settings.model_validate({"environment": "production", **yaml.safe_load(EXAMPLE[1])})


def test_the_storages_that_the_page_registers_are_allowed() -> None:
    assert [url for url, _ in ADDED] == ["nas:///mnt/inbox/scans", "ceph://lake/data"]
    for url, rest in ADDED:
        options = dict(re.findall(r"--option (\w+)=(\S+)", rest))
        assert options or url.startswith("nas:")
        check_allowed(_settings(), url, options)
    check_allowed(_settings(), "mysql://reader@db.example.com:3306", {})


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("ceph://pond/data", {"endpoint": "https://rgw.example.com"}),
        ("ceph://lake/data", {"endpoint": "https://elsewhere.example.com"}),
        ("nas:///mnt/inboxes", {}),
    ],
)
def test_what_is_beside_them_is_not(url: str, options: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        check_allowed(_settings(), url, options)
