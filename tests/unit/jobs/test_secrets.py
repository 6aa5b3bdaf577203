"""Secrets: whatever a storage's error says, the job's error and the worker's log contain no secret."""

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text
from support.jobs.workbench import Workbench
from support.storages.guarded import CANARY, GUARDED

from datacenter.datasets import records
from datacenter.datasets.records import NewDataset
from datacenter.datasets.storages import registration
from datacenter.ledger.options import JobOptions
from datacenter.settings.model import RegistrationSettings, StorageSettings
from datacenter.storages.opener import Storages
from storage_adapters import registry


def test_a_job_that_fails_at_a_registered_storage_tells_no_secret_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(registry.ADAPTERS, "guarded", GUARDED)
    bench = Workbench(tmp_path)
    keys = RegistrationSettings(keys=(Fernet.generate_key().decode(),))
    settings = bench.settings.model_copy(update={"registration": keys})
    bench.resources = replace(bench.resources, settings=settings, storages=Storages(settings, bench.database))
    options = {"secret_key": f"{CANARY}-wrong"}
    vault = StorageSettings(kind="guarded", url="memory://vault", role="source", options=options)
    registration.add(bench.resources, "vault", vault, lambda *_: None)
    new = NewDataset(name="guarded", source={"storage": "vault", "key": "a.zip"})
    with bench.database.transaction() as session:
        _, job = records.create(session, bench.resources, bench.project_id, new, JobOptions())

    bench.work()

    ended = bench.job(job.id)
    assert ended.error is not None
    assert ended.error["message"] == "storage vault: the key *** is not the storage's"
    with bench.database.reading() as session:
        tables = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")).all()
        rows = [repr(list(session.execute(text(f'SELECT * FROM "{table}"')))) for table in tables]
    bench.close()
    written = capfd.readouterr()
    assert CANARY not in "".join(rows) + written.out + written.err
