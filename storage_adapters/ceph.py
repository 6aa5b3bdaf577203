"""Ceph: buckets of an object gateway (RGW), by path or, where the gateway has a name for it, by host."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.options import OptionValue, read_options
from storage_adapters.s3 import BucketFileSystem, Connection, S3Storage

SCHEME = "ceph"
_ADDRESSING = {"path": False, "virtual": True}


@dataclass(frozen=True, kw_only=True, slots=True)
class CephOptions:
    """`endpoint` of the gateway, `http(s)://host:port`. `addressing`: `path`, or `virtual` if its `rgw_dns_name`
    is set. `verify` off trusts any certificate; `ca_file` names a PEM file to trust besides. The rest is as in
    `Connection`."""

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"
    addressing: str = "path"
    verify: bool = True
    ca_file: str = ""
    proxy: str = ""
    threads: int = 16
    connect_seconds: int = 5
    read_seconds: int = 60
    attempts: int = 5


class CephFileSystem(BucketFileSystem):
    """`ceph://bucket/key`; options as in `CephOptions`, from the environment as `FSSPEC_CEPH_ENDPOINT` and so on."""

    protocol = SCHEME

    @classmethod
    def settle(cls, options: Mapping[str, OptionValue]) -> Connection:
        given = read_options(CephOptions, options)
        if given.addressing not in _ADDRESSING:
            raise ConfigurationInvalid("Option 'addressing' must be 'path' or 'virtual'.")
        return Connection(
            scheme=SCHEME,
            endpoint=given.endpoint.rstrip("/"),
            region=given.region,
            access_key=given.access_key,
            secret_key=given.secret_key,
            virtual_hosts=_ADDRESSING[given.addressing],
            verify=given.verify,
            ca_file=given.ca_file,
            proxy=given.proxy,
            threads=given.threads,
            connect_seconds=given.connect_seconds,
            read_seconds=given.read_seconds,
            attempts=given.attempts,
        )


class CephStorage(S3Storage):
    """`ceph://bucket/optional/root`. Proven against Ceph 16; a gateway of its own tests in `tests/services/ceph.py`."""

    filesystem = CephFileSystem
