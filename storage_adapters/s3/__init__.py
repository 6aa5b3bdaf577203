"""S3: what storages that speak S3 share; each system's own file says where its buckets are and what it lacks."""

from storage_adapters.s3.connection import ClientOptions, Connection, split_url
from storage_adapters.s3.filesystem import BucketFileSystem
from storage_adapters.s3.storage import S3Storage

__all__ = ["BucketFileSystem", "ClientOptions", "Connection", "S3Storage", "split_url"]
