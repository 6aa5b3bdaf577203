"""Fixtures of the acceptance tests: a real data centre, with its processes, on the embedded or on the named servers."""

import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import kombu
import pytest
import redis
from sqlalchemy import create_engine, make_url, text
from support.jobs.rest_jobs import archive_of

from datacenter.cli.embedded.background import Running, left_running, running
from datacenter.client import Client
from datacenter.ledger.states import JobKind
from datacenter.settings.model import DatabaseSettings

DATABASE_VARIABLE = "DATACENTER_TEST_DATABASE_URL"
DATABASE_URL = "DATACENTER__DATABASE__URL"
RESTART_SECONDS = 30
BROKER_VARIABLE = "DATACENTER_TEST_BROKER_URL"
IMPATIENT = {
    "DATACENTER__LEDGER__LEASE_SECONDS": "2",
    "DATACENTER__LEDGER__HEARTBEAT_SECONDS": "0.5",
    "DATACENTER__LEDGER__SWEEP_SECONDS": "0.5",
    "DATACENTER__LEDGER__RELAY_SECONDS": "0.2",
}
"""Short times, so that tests of crashes are short."""


@dataclass(frozen=True, kw_only=True)
class Centre:
    """A running data centre as a test sees it; `client` is a client of it."""

    running: Running
    client: Client
    database: DatabaseSettings
    """The database of its ledger."""

    @property
    def url(self) -> str:
        return self.running.url

    @property
    def token(self) -> str:
        return self.running.token

    @property
    def home(self) -> Path:
        return self.running.home.root

    @property
    def storage(self) -> Path:
        """The directory that is the storage named `default`."""
        return self.home / "storage"

    @property
    def inbox(self) -> Path:
        """The directory that is the storage named `inbox`, which archives can be imported from."""
        return self.home / "inbox"

    @property
    def environment(self) -> dict[str, str]:
        """The environment with which `datacenter …` calls it."""
        return self.running.environment()

    @property
    def settings(self) -> dict[str, str]:
        """The variables with the settings of its processes."""
        pairs = Path(f"/proc/{self.pid('worker')}/environ").read_text().split("\0")
        return dict(pair.split("=", 1) for pair in pairs if pair.startswith("DATACENTER__"))

    def pid(self, name: str) -> int:
        """The process `web`, `worker`, `scheduler` or `valkey`; while it restarts, the new one."""
        end = time.monotonic() + RESTART_SECONDS
        while (found := self.running.processes().get(name)) is None:
            assert time.monotonic() < end, f"{name} has not restarted"
            time.sleep(0.02)
        return found

    def pids(self) -> list[int]:
        """All of its processes."""
        return [*self.running.processes().values(), *self.worker_children()]

    def worker_children(self) -> list[int]:
        """The worker's child processes, which do the work."""
        return _children(self.pid("worker"))


@pytest.fixture(scope="session")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """One data centre for all tests that restore its state."""
    with _centre(tmp_path_factory.mktemp("centre"), {}) as started:
        yield started


@pytest.fixture
def own_centre(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Centre]:
    """A data centre for one test, which may kill any process of it.

    `@pytest.mark.parametrize("own_centre", [{"DATACENTER__…": "…"}], indirect=True)` gives it other settings.
    """
    with _centre(tmp_path / "home", getattr(request, "param", {})) as started:
        yield started


@pytest.fixture(scope="session")
def start_centre(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., AbstractContextManager[Centre]]:
    """For fixtures of a module: `with start_centre({"DATACENTER__…": "…"}) as centre:`."""
    return lambda settings: _centre(tmp_path_factory.mktemp("centre"), settings)


@pytest.fixture
def client(centre: Centre) -> Client:
    """A client of the data centre that the test's module runs on."""
    return centre.client


@pytest.fixture
def name() -> str:
    """A name that no other dataset has."""
    return f"数据-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """An archive of one file."""
    return archive_of({"a.txt": "one file"}, tmp_path / "small.zip")


@contextmanager
def _centre(home: Path, settings: dict[str, str]) -> Iterator[Centre]:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "inbox").mkdir(exist_ok=True)
    inbox = {"KIND": "nas", "URL": str(home / "inbox"), "ROLE": "source"}
    storages = {f"DATACENTER__STORAGES__INBOX__{name}": value for name, value in inbox.items()}
    with _servers() as servers:
        try:
            chosen = {**IMPATIENT, **storages, **servers, **settings}
            with running(home, settings=chosen) as up, up.client() as client:
                url = servers.get(DATABASE_URL) or f"sqlite:///{up.home.root / 'datacenter.db'}"
                yield Centre(running=up, client=client, database=DatabaseSettings(url=url))
            assert left_running(up.home) == []
        finally:
            shutil.rmtree(home)


@contextmanager
def _servers() -> Iterator[dict[str, str]]:
    """A fresh database and a prefix at the broker on the named servers; empty if none are named."""
    name = f"datacenter_{uuid.uuid4().hex[:12]}"
    database, broker = os.environ.get(DATABASE_VARIABLE), os.environ.get(BROKER_VARIABLE)
    settings = {}
    if database:
        _on_server(database, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        settings[DATABASE_URL] = make_url(database).set(database=name).render_as_string(hide_password=False)
    if broker:
        settings |= {"DATACENTER__BROKER__URL": broker, "DATACENTER__BROKER__PREFIX": name}
    try:
        yield settings
    finally:
        if database:
            _on_server(database, f"DROP DATABASE {name}")
        if broker:
            _remove_queues(broker, name)


def _on_server(url: str, statement: str) -> None:
    engine = create_engine(make_url(url).set(database=None))
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _remove_queues(url: str, prefix: str) -> None:
    if url.startswith("redis"):
        with redis.Redis.from_url(url) as server:
            for key in server.scan_iter(f"*{prefix}*"):
                server.delete(key)
        return
    with kombu.Connection(url) as connection, connection.channel() as channel:
        for kind in JobKind:
            channel.queue_delete(f"{prefix}.{kind}")
        channel.exchange_delete(prefix)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
