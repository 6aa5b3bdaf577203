"""Settings: everything an installation can set, with its type, its default and what it means."""

import base64
import os
import re
from ipaddress import ip_network
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

CONFIG_VARIABLE = "DATACENTER_CONFIG"
DRIVERS = ("sqlite", "sqlite+pysqlite", "mysql+pymysql", "mariadb+pymysql")
BROKERS = ("redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps", "pyamqp", "memory")
MAX_PORT = 65535
FERNET_KEY_BYTES = 32
FERNET_KEY_COMMAND = (
    'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
)
GIB = 1 << 30
Role = Literal["platform", "source", "both"]
Seconds = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """A frozen part of the settings in which an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class DatabaseSettings(Section):
    url: str = "sqlite:///datacenter.db"
    """SQLAlchemy URL: `sqlite:///file.db` or `mysql+pymysql://user:password@host/database`."""
    pool_size: int = Field(default=10, ge=1)
    """Connections that one process keeps open; it opens as many more when all are busy."""
    patience_seconds: float = Field(default=30, ge=0)
    """How long a starting program waits for a database that does not answer before it exits with code 2."""

    @field_validator("url")
    @classmethod
    def _opens(cls, value: str) -> str:
        try:
            url = make_url(value)
        except (ArgumentError, ValueError):  # the latter: a port that is not a number
            url = None
        if url is None or url.drivername not in DRIVERS or (url.port or 0) > MAX_PORT:
            raise ValueError("use sqlite:///file.db or mysql+pymysql://user:password@host:port/database")
        return value


class BrokerSettings(Section):
    url: str = "redis://127.0.0.1:6379/0"
    """Celery broker: `redis://…`, `redis+socket:///path` or `amqp://…`; it carries rings (see the glossary), never data."""
    prefix: str = "datacenter"
    """Prefix of every queue name, so that installations can share a broker."""

    @field_validator("url")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value.partition("://")[0] not in BROKERS:
            raise ValueError(
                "use redis://host:6379/0, rediss://…, redis+socket:///path or amqp://user:password@host:5672//"
            )
        return value


class WebSettings(Section):
    host: str = "127.0.0.1"
    """The address to listen on; `0.0.0.0`: all addresses of the machine."""
    port: int = Field(default=8080, ge=0, le=65535)
    """The port to listen on; 0: the system picks one."""
    metrics_port: int | None = Field(default=None, ge=1, le=MAX_PORT)
    """A port for `/metrics` alone, at `metrics.host`; without it they are on `web.port`, for every client that can reach it."""
    public_url: str = ""
    """The beginning of links, `https://data.example.com`. Production needs it; else links begin with the address that the
    connection has arrived at, or with what a trusted proxy says. What a request says in `Host` never counts."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies in front of the web layer, like `10.0.0.0/8`.

    Their `X-Forwarded-For` says who the client is, and they may open any number of connections. Without it, all clients
    behind a proxy count as one address until their token is known.
    """
    secret_key: SecretStr = SecretStr("")
    """Signs download links. Production needs one of at least 32 characters."""
    body_bytes: int = Field(default=4 << 20, gt=0)
    """The largest JSON body; uploads have their own limit."""
    buffer_bytes: int = Field(default=256 << 20, ge=64 << 20)
    """The memory of one web process for all that it buffers: bodies, pieces of uploads, chunks of responses.

    One token gets at most half of it, one project two thirds; beyond that requests get 503 with `Retry-After`.
    """

    @field_validator("public_url")
    @classmethod
    def _begins_links(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", value):
            raise ValueError("must be the beginning of an address like https://data.example.com")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            try:
                ip_network(value, strict=False)
            except ValueError:
                raise ValueError("each must be an address or a network like 10.0.0.0/8") from None
        return values


class StorageSettings(Section):
    kind: str
    """The kind: `nas`, `ceph`, `cos`, `hdfs`, `webhdfs`, `mysql` or `hive`."""
    url: str
    """The place: `nas:///mnt/datasets`, `ceph://bucket/root`; the form is on its page in `docs/storages/`."""
    role: Role = "platform"
    """A `platform` keeps datasets and archives; a `source` is where imports by key or prefix read, and must not contain a platform."""
    projects: tuple[str, ...] = ()
    """The names of the projects that may use it; empty: all."""
    options: dict[str, str | int | bool] = Field(default_factory=dict)
    """Options of its kind, listed on its page in `docs/storages/`: `endpoint`, `secret_key` and so on."""


class RegistrationSettings(Section):
    """Storages that are registered by request instead of in this file."""

    keys: tuple[SecretStr, ...] = ()
    """Fernet keys for the secrets of registered storages: the first encrypts, all decrypt.

    To rotate: put a new key first, run `datacenter storages rotate`, remove the old key.
    """
    allow: tuple[str, ...] = ()
    """Places that may be registered, and everything below them: `nas:///mnt/inbox`; a bucket `ceph://lake` and, besides, its endpoint
    `https://rgw.example.com`.

    Without an entry, every place may be registered in development and none in production.
    """

    files: tuple[str, ...] = ()
    """Directories for files that options may name: `ca_file`, `tls_key`, `config_dir` and the like.

    Without an entry, every file may be named in development and none in production.
    """

    @field_validator("files")
    @classmethod
    def _are_directories(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(os.path.isabs, values)):
            raise ValueError(
                "each must be the absolute path of a directory, like /etc/datacenter/certificates"
            )
        return values

    @field_validator("keys")
    @classmethod
    def _are_fernet_keys(cls, values: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for value in values:
            try:
                size = len(base64.b64decode(value.get_secret_value(), altchars=b"-_", validate=True))
            except ValueError:
                size = 0
            if size != FERNET_KEY_BYTES:
                raise ValueError(f"each must be a Fernet key; make one with: {FERNET_KEY_COMMAND}")
        return values

    @field_validator("allow")
    @classmethod
    def _are_places(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if not value.startswith("/") and not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^@?#]+", value):
                raise ValueError("each must be a place like nas:///mnt/inbox or https://rgw.example.com")
        return values


class LedgerSettings(Section):
    lease_seconds: Seconds = 30
    """A worker that is silent for this long loses its shard to another worker."""
    heartbeat_seconds: Seconds = 5
    """How often a worker reports that it still works on its shard."""
    sweep_seconds: Seconds = 10
    """How often the scheduler looks for expired leases and other remains of crashes."""
    relay_seconds: Seconds = 1
    """How often the scheduler rings again for jobs whose ring was lost."""
    slice_seconds: Seconds = 5
    """How long a worker claims shards of one queue before other queues have their turn."""
    stall_seconds: Seconds = 60
    """A shard that reports no progress for this long loses its lease."""
    attempts: int = Field(default=5, ge=1)
    """How often a shard is tried before its job fails."""
    backoff_seconds: Seconds = 1
    """The pause before the second attempt; it doubles with each further attempt."""
    backoff_ceiling_seconds: Seconds = 300
    """The longest pause between two attempts."""
    checkpoint_seconds: Seconds = 24 * 3600
    """How long the work of a failed job is kept so that `retry` can continue it."""

    @model_validator(mode="after")
    def _beats_within_a_lease(self) -> Self:
        if self.heartbeat_seconds >= self.lease_seconds:
            raise ValueError("heartbeat_seconds must be less than lease_seconds, or every lease would expire")
        return self


class WorkerSettings(Section):
    grace_seconds: Seconds = 10
    """How long a stopping worker continues its shards before it hands them back unharmed.

    It has ended 10 seconds later at the latest: set `terminationGracePeriodSeconds` of a pod to 15 seconds more than this.
    """
    remote_control: bool = False
    """Whether a worker obeys Celery's remote control, which Flower needs. Then every client of the broker can stop it."""


class LimitSettings(Section):
    upload_bytes: int = Field(default=200 * GIB, gt=0)
    """The largest upload."""
    entries: int = Field(default=1_000_000, gt=0)
    """Files in one archive."""
    entry_bytes: int = Field(default=50 * GIB, gt=0)
    """The largest file in an archive, unpacked."""
    total_bytes: int = Field(default=200 * GIB, gt=0)
    """All files of one archive, unpacked."""
    path_bytes: int = Field(default=1024, gt=0)
    """The longest path of a file, in UTF-8."""
    segment_bytes: int = Field(default=255, gt=0)
    """The longest name of a file or folder within a path, in UTF-8."""
    depth: int = Field(default=64, gt=0)
    """Folders within folders."""
    index_bytes: int = Field(default=256 << 20, gt=0)
    """The largest central directory of a zip: a worker holds it in memory."""
    labels: int = Field(default=10_000, gt=0)
    """Different labels in one dataset."""


class ShardSettings(Section):
    files: int = Field(default=5_000, gt=0)
    """The most files in one shard of an import or a delete."""
    size_bytes: int = Field(default=256 << 20, gt=0)
    """A shard of an import ends when it holds this many bytes."""
    rows: int = Field(default=500_000, gt=0)
    """About how many rows one shard of a table import has."""
    part_bytes: int = Field(default=32 << 20, gt=0)
    """The largest part of an archive that is being written, unless there would be too many parts."""


class LifetimeSettings(Section):
    upload_seconds: Seconds = 24 * 3600
    """How long an upload that no import has used is kept, from its start."""
    part_link_seconds: float = Field(default=3600, gt=0, le=7 * 24 * 3600)
    """How long a client may take to send one part of an upload directly to the storage."""
    link_seconds: Seconds = 24 * 3600
    """How long a download link is valid unless the request says otherwise."""
    link_ceiling_seconds: Seconds = 7 * 24 * 3600
    """The longest validity of a link that a request may ask for."""
    archive_seconds: Seconds = 7 * 24 * 3600
    """How long the archive of an export or a download is kept."""
    idempotency_seconds: Seconds = 24 * 3600
    """How long a request with the same `Idempotency-Key` gets the job of the first one as its answer."""
    job_seconds: Seconds = 90 * 24 * 3600
    """How long a finished job can be read."""
    audit_seconds: Seconds = 365 * 24 * 3600
    """How long the entries of the audit are kept."""


class HealthSettings(Section):
    """Signs of life of workers and schedulers, which `datacenter health` checks."""

    directory: str = ""
    """The directory where the loop of a worker or scheduler writes its sign of life, one per process; empty: none."""
    stale_seconds: float = Field(default=120, ge=2)
    """A loop that has given no sign for this long counts as dead."""

    @field_validator("directory")
    @classmethod
    def _is_whole(cls, value: str) -> str:
        if value and not os.path.isabs(value):
            raise ValueError("must be the absolute path of a directory, like /run/datacenter")
        return value


class MetricsSettings(Section):
    """Where a worker or scheduler serves its metrics; the web layer serves its own on `web.metrics_port`, else on `web.port`."""

    host: str = "127.0.0.1"
    """The address to listen on, also for `web.metrics_port`; `0.0.0.0`: all addresses."""
    port: int = Field(default=0, ge=0, le=MAX_PORT)
    """The port; 0: none."""


class TracingSettings(Section):
    """Traces for OpenTelemetry; they need `pip install 'datacenter[tracing]'`, which the image has."""

    endpoint: str = ""
    """Where spans are sent by OTLP over HTTP, such as `http://collector:4318`; empty: they are not sent."""
    sample_ratio: float = Field(default=1.0, ge=0, le=1)
    """The share of traces that are kept; a caller that sends its own decision overrides it."""

    @field_validator("endpoint")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/]+[^\s]*", value):
            raise ValueError("must be the address of a collector like http://collector:4318")
        return value


class Settings(Section):
    """Everything an installation can set; `DATACENTER__LEDGER__LEASE_SECONDS=10` sets `ledger.lease_seconds`."""

    environment: Literal["development", "production"] = "development"
    """`production` rejects settings that suit only a trial, such as a missing secret key; its logs are JSON."""
    database: DatabaseSettings = DatabaseSettings()
    """The database, which holds the truth about datasets and jobs."""
    broker: BrokerSettings = BrokerSettings()
    """The broker, which notifies workers of work."""
    web: WebSettings = WebSettings()
    """The web layer."""
    storages: dict[str, StorageSettings] = Field(default_factory=dict)
    """The storages by the names that requests use; more can be registered at run time."""
    registration: RegistrationSettings = RegistrationSettings()
    """Storages that are registered by request instead of in this file."""
    default_storage: str = "default"
    """The storage that keeps datasets when a request names none."""
    ledger: LedgerSettings = LedgerSettings()
    """Leases, retries and repair: when work counts as lost, and how often it is tried again."""
    worker: WorkerSettings = WorkerSettings()
    """How a worker stops."""
    limits: LimitSettings = LimitSettings()
    """What an upload or an archive may hold at most."""
    shards: ShardSettings = ShardSettings()
    """How work is divided: large shards cost less; small ones are distributed better and lose less in a crash."""
    lifetimes: LifetimeSettings = LifetimeSettings()
    """How long things are kept."""
    health: HealthSettings = HealthSettings()
    """Signs of life of workers and schedulers, which `datacenter health` checks."""
    metrics: MetricsSettings = MetricsSettings()
    """Where a worker or scheduler serves its metrics; the web layer serves its own on `web.metrics_port`, else on `web.port`."""
    tracing: TracingSettings = TracingSettings()
    """Where traces are sent."""
