"""Presigned URLs of the S3 storages: a program without a key uses them, in the form that each system has."""

from datetime import timedelta

import httpx
import pytest
from s3_places import CEPH_BUCKET, COS_BUCKET, Gateway, fresh_root

from storage_adapters.contract import Storage
from storage_adapters.registry import open_storage

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["ceph", "cos"])
def linking(request: pytest.FixtureRequest, moto: Gateway) -> Storage:
    if request.param == "ceph":
        url = f"ceph://{moto.make_bucket(CEPH_BUCKET)}/{fresh_root()}"
        return open_storage("ceph", url, moto.ceph_options())
    url = f"cos://{moto.make_bucket(COS_BUCKET)}/{fresh_root()}"
    return open_storage("cos", url, moto.cos_options("cos.ap-guangzhou.myqcloud.com"))


def test_a_presigned_url_is_honoured(linking: Storage, moto: Gateway) -> None:
    with httpx.Client(proxy=moto.endpoint, timeout=10) as client:
        assert client.put(linking.presign("a b/猫.txt", "PUT", MINUTE), content=b"0123").status_code == 200
        link = linking.presign("a b/猫.txt", "GET", MINUTE)
        assert client.get(link, headers={"Range": "bytes=1-2"}).content == b"12"
    assert linking.stat("a b/猫.txt").size_bytes == 4
