"""COS: Tencent Cloud Object Storage, by its S3 interface.

Tested with moto, and with an RGW in COS's form of addressing. What only COS does (its error codes, its rejection
of path addressing) is from its documentation and untested.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.options import OptionValue, read_options
from storage_adapters.s3 import BucketFileSystem, ClientOptions, Connection, S3Storage

SCHEME = "cos"
_REGION = re.compile(r"[a-z0-9-]+")
_BUCKET = re.compile(r"[a-z0-9-]+-\d+")


@dataclass(frozen=True, kw_only=True, slots=True)
class CosOptions(ClientOptions):
    """`access_key` is the SecretId, `secret_key` the SecretKey. `endpoint` replaces the region's
    public domain, `https://cos.<region>.myqcloud.com`."""

    region: str
    endpoint: str = ""


class CosFileSystem(BucketFileSystem):
    """`cos://bucket-appid/key`; options as in `CosOptions`, from the environment as `FSSPEC_COS_REGION` and so on."""

    protocol = SCHEME
    # COS has a header of its own for a conditional put, which a bucket with versions ignores, so an old file could be
    # replaced silently.
    exclusive = False

    @classmethod
    def connection_for(cls, options: Mapping[str, OptionValue]) -> Connection:
        given = read_options(CosOptions, options)
        if not _REGION.fullmatch(given.region):  # it becomes a part of a host name
            raise ConfigurationInvalid("Option 'region' must be like ap-guangzhou.")
        return given.connection(
            scheme=SCHEME,
            endpoint=given.endpoint.rstrip("/") or f"https://cos.{given.region}.myqcloud.com",
            region=given.region,
            virtual_hosts=True,  # buckets made since 2024 refuse every other form
        )


class CosStorage(S3Storage):
    """`cos://bucket-appid/optional/root`."""

    filesystem = CosFileSystem

    @classmethod
    def from_url(cls, url: str, options: Mapping[str, OptionValue]) -> Self:
        storage = super().from_url(url, options)
        if not _BUCKET.fullmatch(storage.bucket):
            raise ConfigurationInvalid(
                "The name of a COS bucket must be name-appid, as in images-1250000000."
            )
        return storage
