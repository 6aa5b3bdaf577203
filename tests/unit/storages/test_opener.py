"""Registered storages: two processes (here two objects) see one another's registrations within seconds, at no cost."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from support.storages.guarded import CANARY, GUARDED, GuardedStorage, key_of

from datacenter.database.engine import Base, Database
from datacenter.datasets.resources import Resources
from datacenter.datasets.storages import registration
from datacenter.datasets.storages.registration import StorageChange
from datacenter.errors import Invalid
from datacenter.ledger.doorbell import Doorbell
from datacenter.settings.model import Settings, StorageSettings
from datacenter.storages import opener
from datacenter.storages.opener import Storages
from storage_adapters import registry
from storage_adapters.errors import ConfigurationInvalid

OPTIONS = {"secret_key": CANARY, "region": "x"}


@pytest.fixture
def centre(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Resources]:
    monkeypatch.setitem(registry.ADAPTERS, "guarded", GUARDED)
    (tmp_path / "fixed").mkdir()
    settings = Settings(
        database={"url": f"sqlite:///{tmp_path}/test.db"},
        storages={"default": {"kind": "nas", "url": f"nas://{tmp_path}/fixed"}},
        registration={"keys": [Fernet.generate_key().decode()]},
    )
    database = Database(settings.database)
    Base.metadata.create_all(database.engine)
    doorbell = Doorbell(settings.broker)
    storages = Storages(settings, database)
    resources = Resources(settings=settings, database=database, storages=storages, doorbell=doorbell)
    yield resources
    resources.close()


def _add(centre: Resources, name: str, **fields: object) -> None:
    new = StorageSettings(**{"kind": "guarded", "url": f"memory://{name}", "options": OPTIONS} | fields)
    registration.add(centre, name, new, lambda session, row: None)


def _change(centre: Resources, name: str, **fields: object) -> None:
    registration.change(centre, name, StorageChange(**fields), lambda session, row: None)


def _within_seconds(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 2 * opener.REFRESH_SECONDS
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_another_process_sees_a_registration_a_change_and_a_removal(centre) -> None:
    other = Storages(centre.settings, centre.database)
    assert other.names() == ["default"]

    _add(centre, "vault")
    assert key_of(other, "vault") == CANARY  # a name that was not known is looked for at once
    assert other.names() == ["default", "vault"]
    before = other.open("vault")

    _change(centre, "vault", options={"secret_key": "canary-second"})
    _within_seconds(lambda: key_of(other, "vault") == "canary-second")
    assert other.open("vault") is not before

    centre.database.run(lambda session: registration.remove(session, centre, "vault"))
    _within_seconds(lambda: other.names() == ["default"])
    with pytest.raises(Invalid):
        other.open("vault")


def test_an_instance_is_kept_open_until_its_row_changes(centre, monkeypatch) -> None:
    monkeypatch.setattr(opener, "REFRESH_SECONDS", 0.0)
    _add(centre, "kept")
    _add(centre, "other")
    opened = GuardedStorage.opened
    first = centre.storages.open("kept")
    _change(centre, "other", role="both")

    assert all(centre.storages.open("kept") is first for _ in range(10))
    assert GuardedStorage.opened == opened + 2  # `first`, and `other` to see that it can be

    centre.database.run(lambda session: registration.rotate(session, centre))
    assert centre.storages.open("kept") is not first


def test_opening_in_a_loop_costs_no_query(centre) -> None:
    _add(centre, "looped")
    for name in ("default", "looped"):
        centre.storages.open(name)
    queries: list[str] = []
    event.listen(centre.database.engine, "before_cursor_execute", lambda *call: queries.append(call[2]))
    began = time.perf_counter()
    for _ in range(10_000):
        centre.storages.open("default")
        centre.storages.open("looped")
    seconds = time.perf_counter() - began

    assert len(queries) <= 2 * (1 + seconds / opener.REFRESH_SECONDS)
    assert seconds / 20_000 < 100e-6  # measured: half a microsecond


def test_names_of_the_settings_file_win(centre) -> None:
    _add(centre, "later-in-the-file")
    fixed = {"later-in-the-file": StorageSettings(kind="memory", url="memory://fixed")}
    settings = centre.settings.model_copy(update={"storages": fixed})

    assert Storages(settings, centre.database).describe("later-in-the-file").kind == "memory"


def test_while_the_database_is_away_what_was_known_holds(centre, monkeypatch) -> None:
    _add(centre, "known")
    kept = centre.storages.open("known")

    def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("away"))

    monkeypatch.setattr(Database, "reading", fail)
    centre.storages.reload()
    assert centre.storages.open("known") is kept
    with pytest.raises(OperationalError):
        Storages(centre.settings, centre.database).open("known")


def test_a_place_that_is_allowed_no_longer_is_opened_no_longer(centre) -> None:
    _add(centre, "revoked")
    strict = centre.settings.model_copy(
        update={"registration": centre.settings.registration.model_copy(update={"allow": ("/mnt/inbox",)})}
    )

    with pytest.raises(ConfigurationInvalid, match=r"registration\.allow"):
        Storages(strict, centre.database).open("revoked")


def test_a_file_may_be_named_when_it_is_registered_and_no_longer_once_its_directory_is_not_listed(
    centre, tmp_path: Path
) -> None:
    def listing(directory: str) -> Settings:
        allowed = centre.settings.registration.model_copy(update={"files": (directory,)})
        return centre.settings.model_copy(update={"registration": allowed})

    options = {"endpoint": "https://rgw", "access_key": "a", "secret_key": CANARY}
    options["ca_file"] = f"{tmp_path}/ca.pem"
    tls = {"kind": "ceph", "url": "ceph://bucket", "options": options}
    with pytest.raises(Invalid, match=r"options\.ca_file: .* registration\.files"):
        _add(replace(centre, settings=listing("/etc/others")), "tls", **tls)
    _add(replace(centre, settings=listing(str(tmp_path))), "tls", **tls)

    Storages(listing(str(tmp_path)), centre.database).open("tls")
    with pytest.raises(ConfigurationInvalid, match=r"registration\.files"):
        Storages(listing("/etc/others"), centre.database).open("tls")


def test_a_storage_whose_key_is_lost_says_so(centre) -> None:
    _add(centre, "lost")
    keyless = centre.settings.model_copy(update={"registration": type(centre.settings.registration)()})

    with pytest.raises(ConfigurationInvalid, match=r"registration\.keys"):
        Storages(keyless, centre.database).open("lost")


def test_the_password_of_a_proxy_is_left_out_of_sentences(tmp_path: Path, centre) -> None:
    options = {"endpoint": "http://rgw:7480", "access_key": "a", "secret_key": "b"}
    proxied = {**options, "proxy": f"http://user:{CANARY}@proxy:3128"}
    ceph = StorageSettings(kind="ceph", url="ceph://bucket", options=proxied)
    settings = centre.settings.model_copy(update={"storages": {"lake": ceph}})
    storages = Storages(settings, centre.database)

    storages.open("lake")

    assert (
        storages.redact(f"no route to http://user:{CANARY}@proxy:3128")
        == "no route to http://user:***@proxy:3128"
    )
