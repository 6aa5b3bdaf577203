"""The connection: where a bucket is and how to reach it, as the system's adapter has set it."""

from dataclasses import dataclass, field, fields
from urllib.parse import urlsplit

from storage_adapters.errors import ConfigurationInvalid
from storage_adapters.network.reach import Reach, check_reach

MAX_THREADS = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class ClientOptions:
    """The options that all S3 systems share: credentials, and how requests are made.

    `reach`: see `Reach`; short of `any`, objects are read by boto3 alone, because obstore follows redirects anywhere.
    `ca_file`: a PEM file that is trusted besides the system's certificates; without `verify` any certificate is
    accepted. `threads`: requests at once. A request fails after `connect_seconds` without a connection, or `read_seconds`
    without an answer, and is tried `attempts` times in all.
    """

    access_key: str
    secret_key: str = field(repr=False)
    verify: bool = True
    ca_file: str = ""
    proxy: str = ""
    threads: int = 16
    connect_seconds: int = 5
    read_seconds: int = 60
    attempts: int = 5
    reach: str = Reach.ANY

    def connection(self, *, scheme: str, endpoint: str, region: str, virtual_hosts: bool) -> "Connection":
        """The connection to the system's address, without a bucket. Raises: ConfigurationInvalid."""
        return Connection(
            scheme=scheme,
            endpoint=endpoint.rstrip("/"),
            region=region,
            virtual_hosts=virtual_hosts,
            **{option.name: getattr(self, option.name) for option in fields(ClientOptions)},
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection(ClientOptions):
    """One bucket, or what is under `root` in it (empty, or a prefix that ends in `/`); without a bucket, all of them.

    `virtual_hosts`: the bucket is a part of the host name, not of the path.
    """

    scheme: str
    bucket: str = ""
    root: str = ""
    endpoint: str
    region: str
    virtual_hosts: bool = False

    def __post_init__(self) -> None:
        """Raises: ConfigurationInvalid: a value cannot work."""
        address = urlsplit(self.endpoint)
        beyond = address.path.strip("/") or address.query or address.fragment
        if address.scheme not in ("http", "https") or not address.hostname or beyond:
            raise ConfigurationInvalid("Option 'endpoint' must be like https://host or http://host:port.")
        if not self.access_key or not self.secret_key:
            raise ConfigurationInvalid("Options 'access_key' and 'secret_key' must not be empty.")
        check_reach(self.reach)
        for name in ("threads", "connect_seconds", "read_seconds", "attempts"):
            if not 1 <= getattr(self, name) <= MAX_THREADS:
                raise ConfigurationInvalid(f"Option {name!r} must be from 1 to {MAX_THREADS}.")

    @property
    def url(self) -> str:
        """The storage's URL, for messages."""
        return f"{self.scheme}://{self.bucket}/{self.root}".rstrip("/")

    @property
    def host(self) -> str:
        """The endpoint's host, for messages."""
        return urlsplit(self.endpoint).netloc

    @property
    def bucket_endpoint(self) -> str:
        """The endpoint, with the bucket in its host name where the system wants it there."""
        if not self.virtual_hosts:
            return self.endpoint
        address = urlsplit(self.endpoint)
        return f"{address.scheme}://{self.bucket}.{address.netloc}"

    def name(self, key: str) -> str:
        """The object's name in the bucket."""
        return self.root + key

    def key(self, name: str) -> str:
        """The key of a name in the bucket that is under the root."""
        return name[len(self.root) :]


def split_url(url: str, scheme: str) -> tuple[str, str]:
    """The bucket and the root of `scheme://bucket/optional/root`. Raises: ConfigurationInvalid."""
    found, separator, rest = url.partition("://")
    bucket, _, root = rest.partition("/")
    root = root.strip("/")
    segments = root.split("/") if root else []
    if found != scheme or not separator or not bucket or any(part in ("", ".", "..") for part in segments):
        raise ConfigurationInvalid(
            f"The URL must be {scheme}://bucket or {scheme}://bucket/root, not {url!r}."
        )
    return bucket, f"{root}/" if root else ""
