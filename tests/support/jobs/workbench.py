"""A whole data centre in one process, without a broker: requests go in, `work` does their jobs."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr
from support.jobs.quick_database import without_waiting

from datacenter.access.projects import ensure_project
from datacenter.database.engine import Database, new_id, now
from datacenter.datasets import deletion, records
from datacenter.datasets.archives import downloads, exports
from datacenter.datasets.archives.downloads import DownloadRequest
from datacenter.datasets.archives.exports import ExportRequest
from datacenter.datasets.models import Archive, Dataset, Delivery, Download, Export
from datacenter.datasets.records import NewDataset
from datacenter.datasets.resources import Resources, open_resources
from datacenter.datasets.uploads.tus import append, begin
from datacenter.ledger.doorbell import Doorbell
from datacenter.ledger.ledger import find_job
from datacenter.ledger.models import Job
from datacenter.ledger.options import JobOptions
from datacenter.ledger.repair import release_due
from datacenter.ledger.states import JobKind
from datacenter.migrations import migrate
from datacenter.settings.model import (
    BrokerSettings,
    DatabaseSettings,
    LedgerSettings,
    LimitSettings,
    Settings,
    ShardSettings,
    StorageSettings,
    WebSettings,
)
from jobs.contract import JobRunner
from jobs.engine.engine import Engine
from jobs.registry import runners
from storage_adapters.object_storage.contract import NewObject


class SilentDoorbell(Doorbell):
    """Counts rings instead of sending them."""

    def __init__(self) -> None:
        self.rings: list[tuple[str, str]] = []

    def ring(self, queue: str, job_id: str) -> None:
        self.rings.append((queue, job_id))

    def close(self) -> None:
        pass


class Workbench:
    """Settings that make shards small and leases short; one project; NAS storage in a directory."""

    def __init__(
        self,
        home: Path,
        *,
        limits: LimitSettings = LimitSettings(),
        storages: Mapping[str, StorageSettings] = MappingProxyType({}),
        **shards: int,
    ) -> None:
        self.home = home
        self.root = home / "storage"
        self.root.mkdir(parents=True, exist_ok=True)
        (home / "inbox").mkdir(exist_ok=True)
        database = DatabaseSettings(url=f"sqlite:///{home / 'datacenter.db'}")
        migrate(database)
        self.settings = Settings(
            database=database,
            broker=BrokerSettings(url="memory://"),
            web=WebSettings(secret_key=SecretStr("s" * 40)),
            storages={
                "default": StorageSettings(kind="nas", url=str(self.root)),
                "inbox": StorageSettings(kind="nas", url=str(home / "inbox"), role="source"),
                "shared": StorageSettings(kind="nas", url=str(self.root), role="both"),
                **storages,
            },
            ledger=LedgerSettings(backoff_seconds=0.001, backoff_ceiling_seconds=0.01),
            limits=limits,
            shards=ShardSettings(**({"files": 50, "size_bytes": 1 << 20, "part_bytes": 64 << 10} | shards)),
        )
        self.doorbell = SilentDoorbell()
        opened = open_resources(self.settings)
        opened.doorbell.close()
        without_waiting(opened.database.engine)
        self.resources: Resources = replace(opened, doorbell=self.doorbell)
        self.stop_after: Callable[[], bool] = lambda: False
        with self.database.transaction() as session:
            self.project_id = ensure_project(session, "default").id

    @property
    def database(self) -> Database:
        return self.resources.database

    def close(self) -> None:
        self.resources.close()

    def engine(self, kinds: dict[JobKind, JobRunner] | None = None) -> Engine:
        return Engine(
            self.resources, kinds or runners(), "bench:1", stopping=lambda: False, must_stop=lambda: False
        )

    def work(self, engine: Engine | None = None, *, rounds: int = 200) -> None:
        """Do everything that is due, retries included, as the workers and the scheduler would."""
        engine = engine or self.engine()
        for _ in range(rounds):
            self.database.run(release_due)
            if not sum(engine.work(kind.value) for kind in JobKind) and not self._waiting():
                return

    def _waiting(self) -> bool:
        from sqlalchemy import func, select

        from datacenter.ledger.models import Shard
        from datacenter.ledger.states import ShardState

        with self.database.reading() as session:
            soon = (Shard.state == ShardState.WAITING, Shard.not_before < now(session) + timedelta(seconds=2))
            return bool(session.scalar(select(func.count()).select_from(Shard).where(*soon)))

    def upload(self, data: bytes, filename: str = "data.zip") -> str:
        """A finished upload of these bytes."""
        with self.database.transaction() as session:
            upload = begin(
                session,
                self.resources,
                project_id=self.project_id,
                filename=filename,
                size_bytes=len(data),
                storage=None,
            )
        for start in range(0, len(data), 1 << 20):
            append(
                self.resources,
                self.project_id,
                upload.id,
                offset_bytes=start,
                data=data[start : start + (1 << 20)],
            )
        return upload.id

    def submit_import(
        self, data: bytes, name: str | None = None, filename: str = "data.zip", **fields: Any
    ) -> tuple[Dataset, Job]:
        """Upload an archive and submit its import, without doing it."""
        source = {"upload": self.upload(data, filename)}
        new = NewDataset(name=name or f"dataset-{new_id()[-6:]}", source=source, **fields)
        with self.database.transaction() as session:
            return records.create(session, self.resources, self.project_id, new, JobOptions())

    def submit_source(
        self, source: dict[str, str], name: str | None = None, **fields: Any
    ) -> tuple[Dataset, Job]:
        """Submit an import of objects on a storage, without doing it."""
        new = NewDataset(name=name or f"dataset-{new_id()[-6:]}", source=source, **fields)
        with self.database.transaction() as session:
            return records.create(session, self.resources, self.project_id, new, JobOptions())

    def keep(self, storage: str, objects: dict[str, bytes]) -> None:
        """Put these objects on a storage, as another program would."""
        wanted = (NewObject(key=key, data=data) for key, data in objects.items())
        for outcome in self.resources.storages.open(storage).put_many(wanted):
            assert outcome.error is None, outcome.error

    def imported(
        self, data: bytes, name: str | None = None, filename: str = "data.zip", **fields: Any
    ) -> Dataset:
        """A dataset made of an archive."""
        dataset, job = self.submit_import(data, name, filename, **fields)
        self.work()
        ended = self.job(job.id)
        assert ended.state == "SUCCESS", ended.error
        return self.dataset(dataset.id)

    def export(self, request: ExportRequest) -> tuple[Export, Archive, Job]:
        with self.database.transaction() as session:
            return exports.create(session, self.resources, self.project_id, request, JobOptions())

    def download(self, dataset_id: str, delivery: Delivery, **fields: Any) -> tuple[Download, Job]:
        request = DownloadRequest(delivery=delivery, **fields)
        with self.database.transaction() as session:
            return downloads.create_for_dataset(
                session, self.resources, self.project_id, dataset_id, request, JobOptions()
            )

    def delete(self, dataset_id: str, grace: timedelta = timedelta(0)) -> Job:
        with self.database.transaction() as session:
            return deletion.delete(
                session, self.resources, self.project_id, dataset_id, grace=grace, options=JobOptions()
            )

    def job(self, job_id: str) -> Job:
        with self.database.reading() as session:
            return find_job(session, self.project_id, job_id)

    def dataset(self, dataset_id: str) -> Dataset:
        with self.database.reading() as session:
            return records.find(session, self.project_id, dataset_id)

    def read_download(self, download_id: str) -> bytes:
        """All bytes of a download."""
        with self.database.reading() as session:
            download, archive = downloads.find(session, self.project_id, download_id)
        return b"".join(downloads.read(self.resources, download, archive, 0, archive.size_bytes))

    def objects(self, prefix: str = "") -> list[str]:
        """Keys that the storage holds, the hidden staging area left out."""
        storage = self.resources.storages.open("default")
        return [info.key for info in storage.list_objects(prefix)]

    def wipe(self) -> None:
        shutil.rmtree(self.home)
