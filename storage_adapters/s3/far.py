"""Far: a client of boto3 whose connections never lead to this machine or its link."""

from typing import TYPE_CHECKING

from botocore.awsrequest import AWSHTTPConnectionPool, AWSHTTPSConnectionPool

from storage_adapters.far_http import far_pool

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

POOLS = {"http": far_pool(AWSHTTPConnectionPool), "https": far_pool(AWSHTTPSConnectionPool)}


def keep_far(client: "S3Client") -> None:
    """Have each new connection looked at, those to a proxy, too. What the proxy looks up is its own affair."""
    session = client._endpoint.http_session  # type: ignore[attr-defined]  # botocore has no public way to its connections
    session._pool_classes_by_scheme = POOLS
    session._manager.pool_classes_by_scheme = POOLS
