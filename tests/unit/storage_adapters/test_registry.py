"""Opening a storage by its kind, URL and options, and what a person reads when that cannot work."""

from pathlib import Path

import pytest
from support.storages.memory import MemoryStorage
from support.storages.url_places import url_places

from storage_adapters import registry
from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.nas import NasStorage
from storage_adapters.object_storage.contract import NewObject, Storage
from storage_adapters.options import OptionValue
from storage_adapters.registry import AdapterEntry, kinds, open_storage


def test_every_kind_can_be_opened(tmp_path: Path) -> None:
    keys = {"access_key": "key", "secret_key": "secret"}
    places: dict[str, tuple[str, dict[str, OptionValue]]] = {
        "ceph": ("ceph://bucket", {"endpoint": "http://rgw", **keys}),
        "cos": ("cos://bucket-125", {"region": "ap-guangzhou", **keys}),
        "hdfs": ("hdfs://127.0.0.1:1/root", {}),
        "memory": ("memory://registry", {}),
        "nas": (f"nas://{tmp_path}/root", {}),
        "webhdfs": ("webhdfs://127.0.0.1:1/root", {}),
    }
    assert set(kinds("objects")) == set(places)
    for kind, (url, options) in places.items():
        assert isinstance(open_storage(kind, url, options), Storage)


@pytest.mark.parametrize("kind", ["hdfs", "webhdfs"])
def test_a_kind_without_its_server_opens_and_says_so(kind: str) -> None:
    assert "refuses" in open_storage(kind, f"{kind}://127.0.0.1:1/root", {}).check().detail


def test_an_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationInvalid, match="known are: ceph, cos, hdfs, memory, nas, webhdfs"):
        open_storage("floppy", "floppy://a", {})


def test_a_kind_whose_library_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = AdapterEntry(
        target="no_such_library.adapter:Storage", install="pip install datacenter[tape]", places=url_places
    )
    monkeypatch.setitem(registry.ADAPTERS, "tape", entry)
    with pytest.raises(ConfigurationInvalid, match=r"needs no_such_library: pip install datacenter\[tape\]"):
        open_storage("tape", "tape://a", {})


@pytest.mark.parametrize(
    ("options", "word"),
    [({"fast": True}, "'fast'"), ({"threads": "many"}, "'threads'"), ({"durable": "perhaps"}, "'durable'")],
)
def test_a_wrong_option_is_named(tmp_path: Path, options: dict[str, str | int | bool], word: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=word):
        open_storage("nas", f"{tmp_path}/root", options)


def test_numbers_and_booleans_may_come_as_text(tmp_path: Path) -> None:
    assert open_storage("nas", f"{tmp_path}/root", {"threads": "3", "durable": "yes", "create": 1}).check().ok


@pytest.mark.parametrize("url", ["nas://", "nas:///", "/", "relative/path", "nas://host/path", ""])
def test_a_nas_url_is_an_absolute_path_below_the_root(url: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="absolute"):
        NasStorage.from_url(url, {})


def test_a_root_that_cannot_be_made_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationInvalid, match="cannot be made"):
        NasStorage.from_url(f"{tmp_path}/file/root", {})


def test_one_memory_url_is_one_storage_and_another_is_another() -> None:
    list(MemoryStorage.from_url("memory://one", {}).put_many([NewObject(key="k", data=b"x")]))
    assert MemoryStorage.from_url("memory://one", {}).stat("k").size_bytes == 1
    assert list(MemoryStorage.from_url("memory://two", {}).list_objects("")) == []
