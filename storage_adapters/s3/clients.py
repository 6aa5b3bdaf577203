"""Clients: the SDKs' clients of one connection, with their settings, each made when first needed, anew in each process."""

import hashlib
import os
from base64 import b64encode
from datetime import timedelta
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSHTTPConnectionPool, AWSHTTPSConnectionPool
from botocore.config import Config
from obstore.store import S3Store

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.network.guarded_http import guarded_pool
from storage_adapters.network.reach import Reach, refuse_near_name
from storage_adapters.s3.connection import Connection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RETRY_FOR = timedelta(seconds=60)

POOLS = {"http": guarded_pool(AWSHTTPConnectionPool), "https": guarded_pool(AWSHTTPSConnectionPool)}


class Clients:
    """The clients of one storage; several threads may use them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._lock = Lock()
        self._process = os.getpid()
        # Not cached properties: Python 3.11 makes those of all instances under one lock, and a name or a file of
        # this storage may take its time.
        self._boto: S3Client | None = None
        self._store: S3Store | None = None
        self._parent_clients: list[object] = []

    @property
    def boto(self) -> "S3Client":
        """boto3's client: can send every S3 request, and answers have the storage's own error codes."""
        with self._fresh():
            if self._boto is None:
                self._boto = self._make_boto()
            return self._boto

    @property
    def store(self) -> S3Store:
        """obstore's store: the fast way for requests made for each object, if `objects.can_use_obstore` allows it."""
        with self._fresh():
            if self._store is None:
                self._store = self._make_store()
            return self._store

    def _fresh(self) -> Lock:
        """The lock, a new one after a fork: the parent keeps its sockets and locks."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._lock = Lock()
            # Kept, not closed: the parent still uses their connections.
            self._parent_clients += [self._boto, self._store]
            self._boto = self._store = None
        return self._lock

    def _make_boto(self) -> "S3Client":
        to = self.connection
        session, lock = _session_of(os.getpid())
        with lock:
            client = session.client(
                "s3",
                endpoint_url=to.endpoint,
                region_name=to.region,
                aws_access_key_id=to.access_key,
                aws_secret_access_key=to.secret_key,
                verify=verification(to),
                config=Config(**config_of(to), max_pool_connections=to.threads),  # type: ignore[arg-type]  # one mapping for two SDKs
            )
        client.meta.events.register("before-call.s3.DeleteObjects", add_content_md5)
        if to.reach == Reach.FAR:
            guard_connections(client)
        return client

    def _make_store(self) -> S3Store:
        to = self.connection
        if to.reach == Reach.FAR:
            refuse_near_name(urlsplit(to.proxy or to.bucket_endpoint).hostname or "")
        client_options: dict[str, object] = {
            "allow_http": to.endpoint.startswith("http://"),
            "allow_invalid_certificates": not to.verify,
            "connect_timeout": timedelta(seconds=to.connect_seconds),
            "read_timeout": timedelta(seconds=to.read_seconds),
            "timeout": timedelta(seconds=10 * to.read_seconds),
        }
        if to.ca_file:
            client_options["root_certificate"] = _read_certificate(to.ca_file)
        if to.proxy:
            client_options["proxy_url"] = to.proxy
        return S3Store(
            to.bucket,
            endpoint=to.bucket_endpoint,
            region=to.region,
            access_key_id=to.access_key,
            secret_access_key=to.secret_key,
            virtual_hosted_style_request=to.virtual_hosts,
            client_options=client_options,  # type: ignore[arg-type]  # its keys depend on the options
            retry_config={"max_retries": to.attempts - 1, "retry_timeout": RETRY_FOR},
        )


@cache
def _session_of(process: int) -> tuple[boto3.session.Session, Lock]:
    """The session that makes this process's clients, and its lock: a session that has read S3's description makes the
    next client in a tenth of the time, and is not safe for threads."""
    return boto3.session.Session(), Lock()


def config_of(to: Connection) -> dict[str, object]:
    """The settings of botocore and aiobotocore.

    Source: the newer default checksums are trailers, which RGW refuses over TLS (411) and COS does not know.
    """
    return {
        "signature_version": "s3v4",
        "s3": {"addressing_style": "virtual" if to.virtual_hosts else "path"},
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        "connect_timeout": to.connect_seconds,
        "read_timeout": to.read_seconds,
        "retries": {"mode": "standard", "total_max_attempts": to.attempts},
        "proxies": {"http": to.proxy, "https": to.proxy} if to.proxy else None,
    }


def verification(to: Connection) -> bool | str:
    """botocore's `verify`: off, the given file, or its own list of authorities."""
    return (to.ca_file or True) if to.verify else False


def _read_certificate(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationInvalid(
            f"Option 'ca_file': {path} cannot be read: {error.strerror}. Correct its path or rights."
        ) from error


def add_content_md5(params: dict[str, Any], **_: object) -> None:
    """Give a botocore request the header Content-MD5 of its body.

    Source: DeleteObjects needs it at COS and older RGW; newer botocore sends a CRC of its own instead.
    """
    digest = hashlib.md5(params["body"], usedforsecurity=False).digest()
    params["headers"]["Content-MD5"] = b64encode(digest).decode()


def guard_connections(client: "S3Client") -> None:
    """Check the address of each new connection, also of one to a proxy; names that the proxy resolves are not checked."""
    session = client._endpoint.http_session  # type: ignore[attr-defined]  # botocore has no public way to its connections
    session._pool_classes_by_scheme = POOLS
    session._manager.pool_classes_by_scheme = POOLS
