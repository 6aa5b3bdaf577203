"""The home of an embedded data centre: one private directory with all of its data, settings and logs."""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography.fernet import Fernet
from sqlalchemy import URL

from datacenter.cli.errors import WrongUse

HEADER = """\
# Settings of this data centre. `datacenter up` wrote this file once and only reads it from now on: edit it freely.
# An environment variable overrides this file: DATACENTER__WEB__PORT=8081 sets web.port.
"""


@dataclass(frozen=True, kw_only=True)
class Home:
    """The directory with everything of one embedded data centre."""

    root: Path

    @classmethod
    def at(cls, root: Path) -> "Home":
        """The home in this directory, which need not exist yet."""
        return cls(root=root.expanduser().absolute())

    @property
    def config(self) -> Path:
        """The settings."""
        return self.root / "config.yaml"

    @property
    def url_file(self) -> Path:
        """The address of the running data centre; absent while none runs."""
        return self.root / "url"

    @property
    def token_file(self) -> Path:
        """The token of the owner of this home."""
        return self.root / "token"

    @property
    def secret_key_file(self) -> Path:
        """The key that signs download links."""
        return self.root / "secret_key"

    @property
    def registration_key_file(self) -> Path:
        """The key that encrypts the secrets of registered storages, unless the settings have keys of their own."""
        return self.root / "registration_key"

    @property
    def processes_file(self) -> Path:
        """The process ids of the running data centre, by name."""
        return self.root / "processes.json"

    @property
    def socket(self) -> Path:
        """Where the embedded broker listens, if the system allows a path of this length."""
        return self.root / "valkey.sock"

    @property
    def broker_url(self) -> str:
        """The value of `broker.url` for the embedded broker."""
        return f"redis+socket://{self.socket}"

    def log(self, name: str) -> Path:
        """The log of one process."""
        return self.root / "log" / f"{name}.log"

    def prepare(self) -> None:
        """Create what is missing; existing files stay as they are."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("log", "storage", "valkey"):
                (self.root / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise WrongUse(
                f"cannot create the home {self.root}: {error.strerror}", cure="give another with --home"
            ) from error
        if not self.config.exists():
            write_private(self.config, HEADER + yaml.safe_dump(self._first_settings(), sort_keys=False))
        if not self.secret_key_file.exists():
            write_private(self.secret_key_file, secrets.token_urlsafe(48))
        if not self.registration_key_file.exists():
            write_private(self.registration_key_file, Fernet.generate_key().decode())

    def _first_settings(self) -> dict[str, object]:
        database = URL.create("sqlite", database=str(self.root / "datacenter.db"))
        return {
            "database": {"url": database.render_as_string(hide_password=False)},
            "broker": {"url": self.broker_url},
            "web": {"host": "127.0.0.1", "port": 8080},
            "health": {"directory": str(self.root / "health")},
            "storages": {"default": {"kind": "nas", "url": str(self.root / "storage")}},
        }

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the home for one `datacenter up`; the lock ends with the process, however it ends.

        Raises:
            WrongUse: another one holds it.
        """
        descriptor = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WrongUse(
                f"a data centre is already running in {self.root}{self._at_url()}",
                cure="use that one, or give another directory with --home",
            ) from None
        else:
            yield
        finally:
            os.close(descriptor)

    def _at_url(self) -> str:
        return f" at {self.url_file.read_text().strip()}" if self.url_file.exists() else ""

    def write_processes(self, processes: Mapping[str, int]) -> None:
        """Write down which processes run; readers see the old file or the new one, never half of one."""
        new = self.processes_file.with_suffix(".new")
        write_private(new, json.dumps(processes, indent=2) + "\n")
        new.replace(self.processes_file)

    def remove_run_files(self) -> None:
        """Remove the files that are valid only while the data centre runs."""
        for file in (self.url_file, self.processes_file):
            file.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, from its creation on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
