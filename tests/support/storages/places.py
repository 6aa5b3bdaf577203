"""Empty storages for tests of every kind, on the servers that the environment names."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import uuid4

import pytest
from support.storages.s3_places import CEPH_BUCKET, COS_BUCKET, fresh_root, real_gateway

from storage_adapters.object_storage.contract import Storage
from storage_adapters.options import OptionValue
from storage_adapters.registry import open_storage

HDFS_VARIABLE = "DATACENTER_TEST_HDFS_URL"
"""Holds two URLs: `hdfs://host:port webhdfs://host:port`."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """One empty storage that any number of instances can be opened on."""

    kind: str
    url: str
    options: Mapping[str, OptionValue]
    many: int = 1500
    """The most objects that a test should put here; fewer on a slow server."""

    def open(self) -> Storage:
        return open_storage(self.kind, self.url, self.options)


def ceph_on_rgw() -> Place:
    gateway = real_gateway()
    bucket = gateway.make_bucket(CEPH_BUCKET)
    return Place(kind="ceph", url=f"ceph://{bucket}/{fresh_root()}", options=gateway.ceph_options())


def cos_on_rgw() -> Place:
    """COS's form of addressing at a server that is not COS."""
    gateway = real_gateway()
    bucket = gateway.make_bucket(COS_BUCKET)
    return Place(
        kind="cos", url=f"cos://{bucket}/{fresh_root()}", options=gateway.cos_options("s3.localhost")
    )


def hdfs() -> Place:
    return _hdfs("hdfs", {"timeout_seconds": 20})


def webhdfs() -> Place:
    return _hdfs("webhdfs", {"timeout_seconds": 20, "user": "tester"})


def _hdfs(kind: str, options: Mapping[str, OptionValue]) -> Place:
    """A directory of its own in the test server's /tmp, which all users may write to."""
    servers = dict(url.split("://") for url in os.environ.get(HDFS_VARIABLE, "").split())
    if not servers:
        pytest.skip(f"{HDFS_VARIABLE} names no HDFS")
    return Place(kind=kind, url=f"{kind}://{servers[kind]}/tmp/{uuid4()}", options=options, many=60)
