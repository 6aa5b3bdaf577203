"""Settings: read once from a YAML file and `DATACENTER__*` variables, then frozen."""

import base64
import os
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from datacenter.errors import SettingsInvalid

CONFIG_VARIABLE = "DATACENTER_CONFIG"
DRIVERS = ("sqlite", "sqlite+pysqlite", "mysql+pymysql", "mariadb+pymysql")
MOST_PORT = 65535
FERNET_KEY_BYTES = 32
MAKE_KEY = 'python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'
GIB = 1 << 30
Role = Literal["platform", "source", "both"]
Seconds = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """A frozen part of the settings in which an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DatabaseSettings(Section):
    url: str = "sqlite:///datacenter.db"
    """SQLAlchemy URL: `sqlite:///file.db` or `mysql+pymysql://user:password@host/database`."""
    pool_size: int = Field(default=10, ge=1)

    @field_validator("url")
    @classmethod
    def _opens(cls, value: str) -> str:
        try:
            url = make_url(value)
        except (ArgumentError, ValueError):  # a port that is no number is the latter
            url = None
        if url is None or url.drivername not in DRIVERS or (url.port or 0) > MOST_PORT:
            raise ValueError("use sqlite:///file.db or mysql+pymysql://user:password@host:port/database")
        return value


class BrokerSettings(Section):
    url: str = "redis://127.0.0.1:6379/0"
    """Celery broker: `redis://…`, `redis+socket:///path` or `amqp://…`; it carries rings, never data."""
    prefix: str = "datacenter"
    """Stands before every queue's name, so that installations can share a broker."""


class WebSettings(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str = ""
    """What links begin with; empty: the address of the request."""
    secret_key: SecretStr = SecretStr("")
    """Signs download links. Production settings refuse to start without one of 32 characters and more."""
    body_bytes: int = Field(default=4 << 20, gt=0)
    """The largest JSON body; uploads have their own limit."""


class StorageSettings(Section):
    kind: str
    url: str
    role: Role = "platform"
    """What is made here lies on a `platform`; imports by key or prefix read from a `source`, which must enclose no platform."""
    options: dict[str, str | int | bool] = Field(default_factory=dict)


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
    heartbeat_seconds: Seconds = 5
    sweep_seconds: Seconds = 10
    relay_seconds: Seconds = 1
    slice_seconds: Seconds = 5
    """How long a worker claims shard after shard before it lets other queues have their turn."""
    stall_seconds: Seconds = 60
    """A shard that reports no progress for so long loses its lease."""
    attempts: int = Field(default=5, ge=1)
    backoff_seconds: Seconds = 1
    backoff_ceiling_seconds: Seconds = 300
    checkpoint_seconds: Seconds = 24 * 3600
    """How long the work of a failed job is kept so that `retry` can continue it."""

    @model_validator(mode="after")
    def _beats_within_a_lease(self) -> Self:
        if self.heartbeat_seconds >= self.lease_seconds:
            raise ValueError(
                "heartbeat_seconds must be less than lease_seconds, or every lease would run out"
            )
        return self


class LimitSettings(Section):
    upload_bytes: int = Field(default=200 * GIB, gt=0)
    entries: int = Field(default=1_000_000, gt=0)
    entry_bytes: int = Field(default=50 * GIB, gt=0)
    total_bytes: int = Field(default=200 * GIB, gt=0)
    path_bytes: int = Field(default=1024, gt=0)
    segment_bytes: int = Field(default=255, gt=0)
    depth: int = Field(default=64, gt=0)
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
    """The size of one part of an archive that is being written."""


class LifetimeSettings(Section):
    upload_seconds: Seconds = 24 * 3600
    part_link_seconds: float = Field(default=3600, gt=0, le=7 * 24 * 3600)
    """How long a client may take to send one part of an upload straight to the storage."""
    link_seconds: Seconds = 24 * 3600
    link_ceiling_seconds: Seconds = 7 * 24 * 3600
    archive_seconds: Seconds = 7 * 24 * 3600
    idempotency_seconds: Seconds = 24 * 3600
    job_seconds: Seconds = 90 * 24 * 3600
    """How long a finished job stays readable."""


class HealthSettings(Section):
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
    """Where a worker or a scheduler answers Prometheus; the web layer does so on its own port."""

    host: str = "127.0.0.1"
    port: int = Field(default=0, ge=0, le=MOST_PORT)
    """0: nowhere."""


class Settings(BaseSettings):
    """Everything an installation can set; `DATACENTER__LEDGER__LEASE_SECONDS=10` sets `ledger.lease_seconds`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="DATACENTER__",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    environment: Literal["development", "production"] = "development"
    database: DatabaseSettings = DatabaseSettings()
    broker: BrokerSettings = BrokerSettings()
    web: WebSettings = WebSettings()
    storages: dict[str, StorageSettings] = Field(default_factory=dict)
    registration: RegistrationSettings = RegistrationSettings()
    default_storage: str = "default"
    ledger: LedgerSettings = LedgerSettings()
    limits: LimitSettings = LimitSettings()
    shards: ShardSettings = ShardSettings()
    lifetimes: LifetimeSettings = LifetimeSettings()
    health: HealthSettings = HealthSettings()
    metrics: MetricsSettings = MetricsSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file; no `.env` is ever read."""
        path = os.environ.get(CONFIG_VARIABLE)
        file = (InitSettingsSource(settings_cls, init_kwargs=_read_file(Path(path))),) if path else ()
        return (init_settings, env_settings, *file)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings; `DATACENTER_CONFIG` names the YAML file.

    Raises:
        SettingsInvalid: naming every wrong key and what is expected; no value is quoted, it may be a secret.
    """
    try:
        settings = Settings(**overrides)
    except ValidationError as error:
        raise SettingsInvalid("; ".join(map(_told, error.errors(include_url=False)))) from None
    except SettingsError as error:
        raise SettingsInvalid(f"a variable DATACENTER__… does not hold JSON: {error}") from None
    _refuse_unsafe(settings)
    return settings


def _told(fault: ErrorDetails) -> str:
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}"


def _read_file(path: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsInvalid(f"{CONFIG_VARIABLE} names {path}: {error.strerror}") from error
    # Not only YAML's own: not UTF-8, an impossible date, a deep nest.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", look at line {mark.line + 1}" if mark else ""
        raise SettingsInvalid(f"{path} is not YAML in UTF-8{line}") from None
    if not isinstance(found or {}, dict) or not all(isinstance(key, str) for key in found or {}):
        raise SettingsInvalid(f"{path} must hold lines of the form `name: value`")
    return found or {}


def _refuse_unsafe(settings: Settings) -> None:
    secret = settings.web.secret_key.get_secret_value()
    if settings.environment == "production" and len(secret) < 32:
        raise SettingsInvalid(
            "web.secret_key: production needs a secret of 32 characters or more; set DATACENTER__WEB__SECRET_KEY"
        )
    if settings.storages and settings.default_storage not in settings.storages:
        raise SettingsInvalid(
            f"default_storage: there is no storage named {settings.default_storage!r} under storages"
        )
    default = settings.storages.get(settings.default_storage)
    if default is not None and default.role == "source":
        raise SettingsInvalid(
            f"default_storage: {settings.default_storage!r} is only imported from; its role must be platform or both"
        )
    for source, platform in find_nested(settings.storages):
        raise SettingsInvalid(
            f"storages.{source}: its place and that of the platform {platform!r} lie within one another; "
            "give it a place of its own, or the platform the role both"
        )


def find_nested(
    storages: Mapping[str, StorageSettings], real: Callable[[str], str] = os.path.realpath
) -> Iterator[tuple[str, str]]:
    """Sources and platforms that lie within one another: every project could import the files of all others.

    `real` makes a local path comparable; looking symbolic links up waits for the file system.
    """
    places = {name: _place(registered, real) for name, registered in storages.items()}
    for (source, outer), (platform, inner) in permutations(places.items(), 2):
        if storages[source].role == "platform" or storages[platform].role == "source" or outer == inner:
            continue
        if inner.startswith(outer) or outer.startswith(inner):
            yield source, platform


def _place(registered: StorageSettings, real: Callable[[str], str]) -> str:
    """Where a storage is, so that one place within another begins like it."""
    url = registered.url.removeprefix("nas://")
    return f"{registered.kind}:{real(url) if url.startswith('/') else url.rstrip('/')}/"
