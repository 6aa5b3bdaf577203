"""Buckets for tests: storages of the kinds `ceph` and `cos` on a moto server or on a real RGW."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

CEPH_VARIABLE = "DATACENTER_TEST_CEPH_URL"
"""`http://access_key:secret_key@host:port?tls_port=…&ca_file=…` of a real RGW whose `rgw_dns_name` is `s3.localhost`."""

COS_BUCKET = "datasets-1250000000"
CEPH_BUCKET = "datasets"


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """The address of an S3 server, and a valid key."""

    endpoint: str
    access_key: str = "testaccess"
    secret_key: str = "testsecret"
    attempts: int = 5
    tls_endpoint: str = ""
    ca_file: str = ""

    @property
    def keys(self) -> dict[str, str | int]:
        """The options that both kinds have."""
        return {"access_key": self.access_key, "secret_key": self.secret_key, "attempts": self.attempts}

    def ceph_options(self) -> Mapping[str, str | int]:
        """The bucket in the path."""
        return {"endpoint": self.endpoint, **self.keys}

    def cos_options(self, domain: str) -> Mapping[str, str | int]:
        """The bucket in the host name. That name does not resolve to the server, so the server is used as the proxy to it."""
        return {"region": "us-east-1", "endpoint": f"http://{domain}", "proxy": self.endpoint, **self.keys}

    def make_bucket(self, name: str) -> str:
        """Make the bucket unless it is there; return its name."""
        try:
            _client(self).create_bucket(Bucket=name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
                raise
        return name


@cache
def _client(gateway: Gateway) -> Any:
    return boto3.session.Session().client(
        "s3",
        endpoint_url=gateway.endpoint,
        region_name="us-east-1",
        aws_access_key_id=gateway.access_key,
        aws_secret_access_key=gateway.secret_key,
        config=Config(s3={"addressing_style": "path"}),
    )


def real_gateway() -> Gateway:
    """The RGW of `make test-real`. Without one the test is skipped on a laptop and fails in CI."""
    url = os.environ.get(CEPH_VARIABLE)
    if url is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{CEPH_VARIABLE} is not set")
        pytest.skip(f"{CEPH_VARIABLE} is not set")
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    return Gateway(
        endpoint=f"{parts.scheme}://{parts.hostname}:{parts.port}",
        access_key=parts.username or "",
        secret_key=parts.password or "",
        tls_endpoint=f"https://{parts.hostname}:{query['tls_port'][0]}",
        ca_file=query["ca_file"][0],
    )


ON_RGW = ("ceph on rgw", "cos on rgw")
ROWS = ("ceph on moto", "cos on moto", *(pytest.param(row, marks=pytest.mark.real) for row in ON_RGW))
"""Parameters for tests of what every kind does at every server."""


@dataclass(frozen=True, kw_only=True)
class S3Place:
    """An empty place in a bucket; clients without its key reach it through the gateway as a proxy, too."""

    kind: str
    url: str
    options: Mapping[str, str | int]
    gateway: Gateway


def s3_place(row: str, moto: Callable[[], Gateway]) -> S3Place:
    """The place of one of `ROWS`; moto is started when it is asked for."""
    kind, _, server = row.split()
    gateway = moto() if server == "moto" else real_gateway()
    bucket = gateway.make_bucket(CEPH_BUCKET if kind == "ceph" else COS_BUCKET)
    domain = "cos.ap-guangzhou.myqcloud.com" if server == "moto" else "s3.localhost"
    options = gateway.ceph_options() if kind == "ceph" else gateway.cos_options(domain)
    return S3Place(kind=kind, url=f"{kind}://{bucket}/{fresh_root()}", options=options, gateway=gateway)


def fresh_root() -> str:
    """An unused prefix; short, because a key and its root have 1,024 bytes together."""
    return f"根 {uuid4().hex[:12]}/in"
