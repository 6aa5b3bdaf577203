"""The reach of a registered storage: a name that was looked at when it was registered does not lead elsewhere later."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from datacenter.database.engine import Base, Database
from datacenter.datasets.resources import Resources
from datacenter.datasets.storages import registration
from datacenter.ledger.doorbell import Doorbell
from datacenter.settings.model import Settings, StorageSettings
from datacenter.storages.allowed import reach_of
from datacenter.storages.opener import Storages
from storage_adapters.errors import AddressRefused
from storage_adapters.network.reach import Reach
from storage_adapters.object_storage.contract import NewObject


def _settings(environment: str, *allow: str) -> Settings:
    return Settings(environment=environment, registration={"allow": allow})


@pytest.mark.parametrize(
    ("settings", "endpoint", "reach"),
    [
        (_settings("production", "http://rgw.example", "ceph://bucket"), "http://rgw.example", Reach.FAR),
        (_settings("production", "http://127.0.0.1:1", "ceph://bucket"), "http://127.0.0.1:1", Reach.NAMED),
        (_settings("production", "http://localhost:1", "ceph://bucket"), "http://localhost:1", Reach.NAMED),
        (_settings("development", "http://rgw.example", "ceph://bucket"), "http://rgw.example", Reach.NAMED),
        (_settings("development"), "http://rgw.example", Reach.ANY),
    ],
)
def test_a_storage_leads_no_farther_than_the_list(settings: Settings, endpoint: str, reach: Reach) -> None:
    assert reach_of(settings, "ceph://bucket", {"endpoint": endpoint}) == reach


@pytest.fixture
def production(tmp_path: Path) -> Iterator[Resources]:
    settings = Settings(
        environment="production",
        web={"secret_key": "s" * 32},
        database={"url": f"sqlite:///{tmp_path}/test.db"},
        registration={
            "keys": [Fernet.generate_key().decode()],
            "allow": [
                "ceph://bucket",
                "http://rgw.example:7480",
                "webhdfs://gateway.example:14000",
                "mysql://db.example:3306",
            ],
        },
    )
    database = Database(settings.database)
    Base.metadata.create_all(database.engine)
    storages = Storages(settings, database)
    resources = Resources(
        settings=settings, database=database, storages=storages, doorbell=Doorbell(settings.broker)
    )
    yield resources
    resources.close()


def _add(production: Resources, kind: str, url: str, **options: str | int) -> None:
    new = StorageSettings(kind=kind, url=url, role="source", options=options)
    registration.add(production, kind, new, lambda session, row: None)


def test_a_name_that_leads_to_this_machine_later_is_refused_when_it_is_used(
    production: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads_to = "203.0.113.5"

    def look_up(host: str, port: int | None, *_: Any, **__: Any) -> list[Any]:
        if not str(host).endswith(".example"):
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (leads_to, port or 0))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    keys: dict[str, str | int] = {"access_key": "reader", "secret_key": "canary", "attempts": 1}
    _add(production, "ceph", "ceph://bucket", endpoint="http://rgw.example:7480", reach="any", **keys)
    _add(production, "webhdfs", "webhdfs://gateway.example:14000/data", reach="any")
    _add(production, "mysql", "mysql://db.example:3306", user="reader", stall_seconds=5)

    connections: list[str] = []
    connect = socket.socket.connect

    def to_whoever_listens(self: socket.socket, address: Any) -> None:
        connections.append(address[0])
        connect(self, listening.getsockname())

    monkeypatch.setattr(socket.socket, "connect", to_whoever_listens)
    leads_to = "127.0.0.1"
    with socket.create_server(("127.0.0.1", 0)) as listening:
        for kind in ("ceph", "webhdfs"):
            with pytest.raises(AddressRefused):
                production.storages.open(kind).stat("k")
        with pytest.raises(AddressRefused):
            list(production.storages.open_tables("mysql").list_tables("scans"))
        (outcome,) = production.storages.open("ceph").put_many([NewObject(key="k", data=b"x")])
    assert isinstance(outcome.error, AddressRefused)
    assert set(connections) == {"127.0.0.1"}
