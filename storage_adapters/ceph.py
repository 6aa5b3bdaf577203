"""Ceph: buckets of an object gateway (RGW), by path or, where the gateway has a name for it, by host."""

from collections.abc import Mapping
from dataclasses import dataclass

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.options import OptionValue, read_options
from storage_adapters.s3 import BucketFileSystem, ClientOptions, Connection, S3Storage

SCHEME = "ceph"
_ADDRESSING = {"path": False, "virtual": True}


@dataclass(frozen=True, kw_only=True, slots=True)
class CephOptions(ClientOptions):
    """`endpoint` of the gateway, `http(s)://host:port`. `addressing`: `path`, or `virtual` if its `rgw_dns_name`
    is set."""

    endpoint: str
    region: str = "us-east-1"
    addressing: str = "path"


class CephFileSystem(BucketFileSystem):
    """`ceph://bucket/key`; options as in `CephOptions`, from the environment as `FSSPEC_CEPH_ENDPOINT` and so on."""

    protocol = SCHEME

    @classmethod
    def connection_for(cls, options: Mapping[str, OptionValue]) -> Connection:
        given = read_options(CephOptions, options)
        if given.addressing not in _ADDRESSING:
            raise ConfigurationInvalid("Option 'addressing' must be 'path' or 'virtual'.")
        return given.connection(
            scheme=SCHEME,
            endpoint=given.endpoint,
            region=given.region,
            virtual_hosts=_ADDRESSING[given.addressing],
        )


class CephStorage(S3Storage):
    """`ceph://bucket/optional/root`. Tested with the Ceph 16 gateway that `tests/services/ceph.py` starts."""

    filesystem = CephFileSystem
