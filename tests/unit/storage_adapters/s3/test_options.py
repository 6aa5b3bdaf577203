"""URLs and options of Ceph and COS: what is taken, and what a person reads of what is not."""

import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlsplit

import fsspec
import pytest

from storage_adapters.ceph import CephFileSystem, CephStorage
from storage_adapters.cos import CosFileSystem, CosStorage
from storage_adapters.errors import ConfigurationInvalid, NotSupported
from storage_adapters.object_storage.contract import NewObject
from storage_adapters.registry import open_storage

CEPH: Mapping[str, str] = {"endpoint": "http://rgw:7480", "access_key": "key", "secret_key": "secret"}
COS: Mapping[str, str] = {"region": "ap-guangzhou", "access_key": "id", "secret_key": "secret"}
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    "url", ["ceph://", "ceph:///root", "cos://bucket", "bucket", "ceph://bucket/a//b", "ceph://bucket/../b"]
)
def test_a_wrong_url_is_told_how_it_should_be(url: str) -> None:
    with pytest.raises(ConfigurationInvalid, match="ceph://bucket/root"):
        open_storage("ceph", url, CEPH)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"endpoint": "rgw:7480"}, "'endpoint'"),
        ({"endpoint": "http://rgw/path"}, "'endpoint'"),
        ({"endpoint": "http://rgw/?x"}, "'endpoint'"),
        ({"addressing": "host"}, "'addressing'"),
        ({"threads": 0}, "'threads'"),
        ({"attempts": "many"}, "'attempts'"),
        ({"access_key": ""}, "'access_key'"),
        ({"bucket": "b"}, "'bucket'"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, str | int], word: str) -> None:
    with pytest.raises(ConfigurationInvalid, match=word):
        open_storage("ceph", "ceph://bucket", {**CEPH, **options})


def test_all_options_that_are_missing_are_named_at_once() -> None:
    with pytest.raises(ConfigurationInvalid) as refused:
        open_storage("ceph", "ceph://bucket", {})

    assert refused.value.detail == "Options 'access_key', 'secret_key' and 'endpoint' are missing."


@pytest.mark.parametrize("region", ["evil.example/?", "evil.example/#", "x@evil.example", "a.b", ""])
def test_a_region_of_cos_cannot_name_another_server(region: str) -> None:
    options = {"region": region, "access_key": "a", "secret_key": "b"}
    with pytest.raises(ConfigurationInvalid, match="'region'"):
        open_storage("cos", "cos://bucket-1250000000", options)


def test_a_certificate_file_that_is_not_there_is_named() -> None:
    storage = open_storage(
        "ceph", "ceph://bucket", {**CEPH, "endpoint": "https://rgw", "ca_file": "/no/such.pem"}
    )
    (outcome,) = storage.put_many([NewObject(key="k", data=b"")])
    assert isinstance(outcome.error, ConfigurationInvalid)
    assert "/no/such.pem" in outcome.error.detail


def test_a_cos_bucket_carries_the_number_of_its_account() -> None:
    with pytest.raises(ConfigurationInvalid, match="name-appid"):
        open_storage("cos", "cos://images", COS)
    open_storage("cos", "cos://images-1250000000/root", COS)


def test_ceph_puts_the_bucket_in_the_path_or_in_the_host() -> None:
    by_path = CephStorage.from_url("ceph://bucket/root", CEPH).presign("k", MINUTE)
    assert (urlsplit(by_path).netloc, urlsplit(by_path).path) == ("rgw:7480", "/bucket/root/k")
    by_host = CephStorage.from_url("ceph://bucket", {**CEPH, "addressing": "virtual"}).presign("k", MINUTE)
    assert (urlsplit(by_host).netloc, urlsplit(by_host).path) == ("bucket.rgw:7480", "/k")


def test_cos_has_the_bucket_and_the_region_in_the_host() -> None:
    link = CosStorage.from_url("cos://images-125/root", COS).presign("猫", MINUTE)
    assert urlsplit(link).netloc == "images-125.cos.ap-guangzhou.myqcloud.com"
    assert urlsplit(link).path == "/root/%E7%8C%AB"
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link
    assert "X-Amz-Expires=60" in link


def test_no_link_lasts_longer_than_a_week() -> None:
    with pytest.raises(NotSupported, match="seven days"):
        CephStorage.from_url("ceph://bucket", CEPH).presign("k", timedelta(days=8))


def test_the_secret_is_not_shown() -> None:
    storage = CephStorage.from_url("ceph://bucket", CEPH)
    assert "'secret'" not in repr(storage._clients.connection)


def test_fsspec_knows_both_schemes_and_takes_the_same_options() -> None:
    assert isinstance(fsspec.filesystem("ceph", **CEPH), CephFileSystem)
    assert isinstance(fsspec.filesystem("cos", **COS), CosFileSystem)
    with pytest.raises(ConfigurationInvalid, match="'endpoint' is missing"):
        fsspec.filesystem("ceph", access_key="key", secret_key="secret")


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_process_has_clients_of_its_own() -> None:
    clients = CephStorage.from_url("ceph://bucket", CEPH)._clients
    before = clients.boto
    assert clients.boto is before
    clients._process = os.getpid() + 1  # as a child finds it
    assert clients.boto is not before
