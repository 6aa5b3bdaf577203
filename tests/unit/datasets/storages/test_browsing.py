"""Browsing shows what a file manager would show, for any keys and any page size."""

from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.jobs.workbench import Workbench

from datacenter.datasets.storages.browsing import browse
from datacenter.settings.model import StorageSettings
from datacenter.storages.opener import Storages
from storage_adapters.object_storage.contract import NewObject

KEYS = st.lists(
    st.text(st.sampled_from("ab/.0-猫\U0010ffff"), min_size=1, max_size=6)
    .map(lambda key: "/".join(filter(lambda segment: segment.strip("."), key.split("/"))))
    .filter(bool),
    max_size=12,
    unique=True,
)


def _level(keys: list[str], prefix: str) -> list[str]:
    base = len(prefix.rpartition("/")[0]) + ("/" in prefix)
    found = set()
    for key in keys:
        if key.startswith(prefix) and not key.startswith("."):
            head, slash, _ = key[base:].partition("/")
            found.add(key[:base] + head + slash)
    return sorted(found)


@given(keys=KEYS, prefix=st.sampled_from(["", "a", "a/", "b/a", "猫/"]), limit=st.integers(1, 5))
@example(keys=["a", "a/b", "a0", "a-", "a/\U0010ffff"], prefix="", limit=1)
def test_pages_of_any_size_show_each_name_of_the_level_once(
    bench: Workbench, keys: list[str], prefix: str, limit: int
) -> None:
    place = StorageSettings(kind="memory", url=f"memory://{uuid4()}", role="source")
    settings = bench.settings.model_copy(update={"storages": {"source": place}})
    storages = Storages(settings, bench.database)
    list(storages.open("source").put_many(NewObject(key=key, data=b"x") for key in keys))
    resources = bench.resources.__class__(
        settings=settings, database=bench.database, storages=storages, doorbell=bench.doorbell
    )
    seen: list[str] = []
    while page := browse(resources, "source", prefix, after=seen[-1] if seen else None, limit=limit):
        assert len(page) <= limit
        seen += [entry.key for entry in page]
        assert all(entry.is_prefix == (entry.size_bytes is None) for entry in page)
    assert seen == _level(keys, prefix)


@pytest.mark.parametrize("prefix", ["", "deep/"])
def test_a_directory_is_browsed_like_an_object_store(bench: Workbench, prefix: str) -> None:
    storage = bench.resources.storages.open("inbox")
    keys = ("a.zip", "a/1.zip", "a/2.zip", "a0")
    list(storage.put_many(NewObject(key=prefix + key, data=b"x") for key in keys))

    found = browse(bench.resources, "inbox", prefix, after=None, limit=10)

    assert [entry.key for entry in found][:3] == [prefix + key for key in ("a.zip", "a/", "a0")]
