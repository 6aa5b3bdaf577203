"""What only a real gateway shows: TLS, its own error messages, long copies."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from botocore import auth
from support.storages.s3_places import CEPH_BUCKET, Gateway, fresh_root, real_gateway

from storage_adapters.ceph import CephStorage
from storage_adapters.errors import ConfigurationInvalid, PermissionDenied
from storage_adapters.object_storage.contract import Health, NewObject, Storage
from storage_adapters.object_storage.streaming import put_stream, read_stream
from storage_adapters.s3 import copying

pytestmark = pytest.mark.real


@pytest.fixture
def gateway() -> Gateway:
    gateway = real_gateway()
    gateway.make_bucket(CEPH_BUCKET)
    return gateway


def opened(options: Mapping[str, str | int], bucket: str = CEPH_BUCKET) -> CephStorage:
    return CephStorage.from_url(f"ceph://{bucket}/{fresh_root()}", options)


def over_tls(gateway: Gateway) -> dict[str, str | int | bool]:
    return {**gateway.ceph_options(), "endpoint": gateway.tls_endpoint, "ca_file": gateway.ca_file}


def use(storage: Storage) -> None:
    """Everything that sends bytes, by each SDK."""
    data = bytes(range(256)) * 40_000
    assert storage.check() == Health(ok=True, detail=storage.check().detail)
    put_stream(storage, "long/猫", [data], part_bytes=1)
    assert b"".join(read_stream(storage, "long/猫")) == data
    upload_id = storage.begin_upload("parts")
    storage.complete_upload("parts", upload_id, [storage.upload_part("parts", upload_id, 1, 0, [data])])
    assert storage.fs.cat_file("parts") == data
    storage.fs.pipe_file("d/by fsspec", b"x")
    storage.fs.rm("d", recursive=True)
    outcomes = list(storage.delete([info.key for info in storage.list_objects("")]))
    assert [outcome.error for outcome in outcomes] == [None, None]
    assert list(storage.list_objects("")) == []


def test_everything_works_for_a_storage_that_must_not_lead_elsewhere(gateway: Gateway) -> None:
    use(opened({**gateway.ceph_options(), "reach": "named"}))


def test_everything_works_over_tls(gateway: Gateway) -> None:
    use(CephStorage.from_url(f"ceph://{CEPH_BUCKET}/{fresh_root()}", over_tls(gateway)))


def test_everything_works_over_tls_that_nobody_verifies(gateway: Gateway) -> None:
    options = {**gateway.ceph_options(), "endpoint": gateway.tls_endpoint, "verify": False}
    with pytest.warns(match="Unverified HTTPS request"):
        use(CephStorage.from_url(f"ceph://{CEPH_BUCKET}/{fresh_root()}", options))


def test_a_certificate_that_is_not_trusted_is_told(gateway: Gateway) -> None:
    storage = opened({**gateway.ceph_options(), "endpoint": gateway.tls_endpoint, "attempts": 1})
    assert "'ca_file'" in storage.check().detail
    (outcome,) = storage.put_many([NewObject(key="k", data=b"x")])
    assert isinstance(outcome.error, ConfigurationInvalid)


def test_a_clock_that_is_an_hour_ahead_is_told(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "get_current_datetime", lambda: datetime.now(UTC) + timedelta(hours=1))

    found = opened(gateway.ceph_options()).check()

    assert not found.ok
    assert "Clock skew: this machine and the storage differ" in found.detail


def test_what_is_wrong_is_said_in_words(gateway: Gateway) -> None:
    wrong_key = opened(replace(gateway, access_key="nobody").ceph_options())
    wrong_secret = opened(replace(gateway, secret_key="wrong").ceph_options())
    no_bucket = opened(gateway.ceph_options(), bucket="no-such-bucket")

    assert "correct the option 'access_key'" in wrong_key.check().detail
    assert "correct the option 'secret_key'" in wrong_secret.check().detail
    assert "no such bucket" in no_bucket.check().detail
    for storage, kind in (
        (wrong_key, PermissionDenied),
        (wrong_secret, PermissionDenied),
        (no_bucket, ConfigurationInvalid),
    ):
        (outcome,) = storage.put_many([NewObject(key="k", data=b"x")])
        assert type(outcome.error) is kind


def test_a_copy_that_is_too_long_for_one_request_is_made_in_parts(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "MAX_COPY_BYTES", 10_000_000)
    monkeypatch.setattr(copying, "PART_BYTES", 6_000_000)
    storage = opened(gateway.ceph_options())
    data = uuid4().bytes * 1_000_000
    put_stream(storage, "source", [data])
    copied = storage.copy("source", "target")
    assert copied.size_bytes == len(data)
    assert copied.etag is not None
    assert copied.etag.endswith("-3")
    assert b"".join(read_stream(storage, "target")) == data
    assert list(storage.list_uploads("")) == []
