"""Settings: everything an installation can set, with its type, its default and what it means."""

import base64
import os
import re
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
MAKE_KEY = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
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
    """Connections that one process keeps open; it opens as many again when all are busy."""
    patience_seconds: float = Field(default=30, ge=0)
    """How long a program that starts waits for a database that does not answer, before it ends with exit code 2."""

    @field_validator("url")
    @classmethod
    def _opens(cls, value: str) -> str:
        try:
            url = make_url(value)
        except (ArgumentError, ValueError):  # a port that is no number is the latter
            url = None
        if url is None or url.drivername not in DRIVERS or (url.port or 0) > MAX_PORT:
            raise ValueError("use sqlite:///file.db or mysql+pymysql://user:password@host:port/database")
        return value


class BrokerSettings(Section):
    url: str = "redis://127.0.0.1:6379/0"
    """Celery broker: `redis://…`, `redis+socket:///path` or `amqp://…`; it carries rings, never data."""
    prefix: str = "datacenter"
    """Stands before every queue's name, so that installations can share a broker."""

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
    """The address to listen at; `0.0.0.0` for all of the machine's."""
    port: int = Field(default=8080, ge=0, le=65535)
    """The port to listen at; 0: one that the system picks."""
    metrics_port: int | None = Field(default=None, ge=1, le=MAX_PORT)
    """A port for `/metrics` alone, at `metrics.host`; without it they are on `web.port`, for everybody who reaches that."""
    public_url: str = ""
    """What links begin with; empty: the address of the request."""
    secret_key: SecretStr = SecretStr("")
    """Signs download links. Production settings refuse to start without one of 32 characters and more."""
    body_bytes: int = Field(default=4 << 20, gt=0)
    """The largest JSON body; uploads have their own limit."""


class StorageSettings(Section):
    kind: str
    """What it is: `nas`, `ceph`, `cos`, `hdfs`, `webhdfs`, `mysql` or `hive`."""
    url: str
    """Where it is: `nas:///mnt/datasets`, `ceph://bucket/root`; its page in `docs/storages/` has the form."""
    role: Role = "platform"
    """What is made here lies on a `platform`; imports by key or prefix read from a `source`, which must enclose no platform."""
    options: dict[str, str | int | bool] = Field(default_factory=dict)
    """What its page in `docs/storages/` lists for its kind: `endpoint`, `secret_key` and so on."""


class RegistrationSettings(Section):
    """Storages that are registered by request instead of in this file."""

    keys: tuple[SecretStr, ...] = ()
    """Fernet keys for the secrets of registered storages: the first encrypts, all decrypt.

    To rotate: put a new key first, run `datacenter storages rotate`, remove the old key.
    """
    allow: tuple[str, ...] = ()
    """Places that may be registered: `nas:///mnt/inbox`, `https://rgw.example.com`, and whatever lies below them.

    Without any entry everything may be in development, nothing in production.
    """

    files: tuple[str, ...] = ()
    """Directories in which files may lie that options name: `ca_file`, `tls_key`, `config_dir` and the like.

    Without any entry every file may be named in development, none in production.
    """

    @field_validator("files")
    @classmethod
    def _are_directories(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(os.path.isabs, values)):
            raise ValueError("each must be a directory's whole path like /etc/datacenter/certificates")
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
                raise ValueError(f"each must be a Fernet key; make one with: {MAKE_KEY}")
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
    """A worker that is silent for so long loses its shard to another one."""
    heartbeat_seconds: Seconds = 5
    """How often a worker says that it still works on its shard."""
    sweep_seconds: Seconds = 10
    """How often the scheduler looks for leases that have run out, and for whatever else a crash left."""
    relay_seconds: Seconds = 1
    """How often the scheduler rings again for jobs whose ring was lost."""
    slice_seconds: Seconds = 5
    """How long a worker claims shard after shard before it lets other queues have their turn."""
    stall_seconds: Seconds = 60
    """A shard that reports no progress for so long loses its lease."""
    attempts: int = Field(default=5, ge=1)
    """How often a shard is tried before its job fails."""
    backoff_seconds: Seconds = 1
    """The pause before the second attempt; it doubles with each further one."""
    backoff_ceiling_seconds: Seconds = 300
    """The longest pause between two attempts."""
    checkpoint_seconds: Seconds = 24 * 3600
    """How long the work of a failed job is kept so that `retry` can continue it."""

    @model_validator(mode="after")
    def _beats_within_a_lease(self) -> Self:
        if self.heartbeat_seconds >= self.lease_seconds:
            raise ValueError(
                "heartbeat_seconds must be less than lease_seconds, or every lease would run out"
            )
        return self


class WorkerSettings(Section):
    grace_seconds: Seconds = 10
    """How long a worker that is told to stop goes on with what it holds before it hands it back unharmed.

    It is gone 10 seconds later at the latest: give a pod `terminationGracePeriodSeconds` of 15 seconds more than this.
    """


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
    """The largest central directory of a zip: what a worker holds in memory."""
    labels: int = Field(default=10_000, gt=0)
    """Different labels in one dataset."""


class ShardSettings(Section):
    files: int = Field(default=5_000, gt=0)
    """At most so many files in one shard of an import or a delete."""
    size_bytes: int = Field(default=256 << 20, gt=0)
    """A shard of an import closes when it holds so many bytes."""
    rows: int = Field(default=500_000, gt=0)
    """About so many rows in one shard of the import of a table."""
    part_bytes: int = Field(default=32 << 20, gt=0)
    """A part of an archive that is being written holds at most so many bytes, unless there would be too many parts."""


class LifetimeSettings(Section):
    upload_seconds: Seconds = 24 * 3600
    """How long an upload is kept, from its beginning until an import uses it."""
    part_link_seconds: float = Field(default=3600, gt=0, le=7 * 24 * 3600)
    """How long a client may take to send one part of an upload straight to the storage."""
    link_seconds: Seconds = 24 * 3600
    """How long a download link holds unless the request says otherwise."""
    link_ceiling_seconds: Seconds = 7 * 24 * 3600
    """The longest that a request may ask for."""
    archive_seconds: Seconds = 7 * 24 * 3600
    """How long the archive of an export or a download is kept."""
    idempotency_seconds: Seconds = 24 * 3600
    """How long a request with the same `Idempotency-Key` is answered with the first one's job."""
    job_seconds: Seconds = 90 * 24 * 3600
    """How long a finished job stays readable."""


class HealthSettings(Section):
    """Signs of life of workers and schedulers, which `datacenter health` looks at."""

    directory: str = ""
    """Where the loop of a worker or a scheduler writes its sign of life, one directory a process; empty: nowhere."""
    stale_seconds: float = Field(default=120, ge=2)
    """A loop that has given no sign for so long counts as dead."""

    @field_validator("directory")
    @classmethod
    def _is_whole(cls, value: str) -> str:
        if value and not os.path.isabs(value):
            raise ValueError("must be a directory's whole path like /run/datacenter")
        return value


class MetricsSettings(Section):
    """Where a worker or a scheduler answers Prometheus; the web layer does so on `web.metrics_port`, else on `web.port`."""

    host: str = "127.0.0.1"
    """The address it listens on; `0.0.0.0` for every one. `web.metrics_port` is on it, too."""
    port: int = Field(default=0, ge=0, le=MAX_PORT)
    """The port; 0: nowhere."""


class TracingSettings(Section):
    """Traces for OpenTelemetry; they need `pip install 'datacenter[tracing]'`, which the image has."""

    endpoint: str = ""
    """Where spans are sent by OTLP over HTTP, such as `http://collector:4318`; empty: nowhere."""
    sample_ratio: float = Field(default=1.0, ge=0, le=1)
    """The share of traces that are kept, of those that whoever calls has not decided about."""

    @field_validator("endpoint")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if value and not re.fullmatch(r"https?://[^\s/]+[^\s]*", value):
            raise ValueError("must be the address of a collector like http://collector:4318")
        return value


class Settings(Section):
    """Everything an installation can set; `DATACENTER__LEDGER__LEASE_SECONDS=10` sets `ledger.lease_seconds`."""

    environment: Literal["development", "production"] = "development"
    """`production` refuses what is only good for a try: no secret key, any place as a storage; its logs are JSON."""
    database: DatabaseSettings = DatabaseSettings()
    """The database, which holds the truth about datasets and jobs."""
    broker: BrokerSettings = BrokerSettings()
    """The broker, by which workers are told that there is work."""
    web: WebSettings = WebSettings()
    """The web layer."""
    storages: dict[str, StorageSettings] = Field(default_factory=dict)
    """The storages by the names that requests use; more can be registered while it runs."""
    registration: RegistrationSettings = RegistrationSettings()
    """Storages that are registered by request instead of in this file."""
    default_storage: str = "default"
    """The storage that datasets are kept on when a request names none."""
    ledger: LedgerSettings = LedgerSettings()
    """Leases, retries and repair: when work counts as lost, and how often it is tried again."""
    worker: WorkerSettings = WorkerSettings()
    """How a worker ends."""
    limits: LimitSettings = LimitSettings()
    """What an upload or an archive may hold at most."""
    shards: ShardSettings = ShardSettings()
    """How work is cut: larger shards cost less, smaller ones are shared out better and lose less in a crash."""
    lifetimes: LifetimeSettings = LifetimeSettings()
    """How long things are kept."""
    health: HealthSettings = HealthSettings()
    """Signs of life of workers and schedulers, which `datacenter health` looks at."""
    metrics: MetricsSettings = MetricsSettings()
    """Where a worker or a scheduler answers Prometheus; the web layer does so on `web.metrics_port`, else on `web.port`."""
    tracing: TracingSettings = TracingSettings()
    """Where traces are sent, if anywhere."""
