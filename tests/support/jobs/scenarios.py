"""One scenario for every kind of job: how it starts, its expected result, and what it must not leave behind."""

import io
import json
import random
import tarfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from sqlalchemy import select
from support.jobs.bench import Bench

from datacenter.datasets.archives.exports import ExportRequest
from datacenter.datasets.files import list_files, read_file
from datacenter.datasets.label_filter import LabelFilter
from datacenter.datasets.models import (
    Archive,
    ArchiveState,
    Dataset,
    DeletedDataset,
    Delivery,
    Download,
    Litter,
)
from datacenter.datasets.records import find_version, labels_of

FILES = {
    f"{label}/{number:03d}.bin": random.Random(f"{label}{number}").randbytes(200 + 3_001 * (number % 5))
    for label in ("cat", "dog", "猫")
    for number in range(8)
} | {"cat/large.bin": random.Random("large").randbytes(90_000), "dog/empty.txt": b""}
LABELS = {"cat": 9, "dog": 9, "猫": 8}


def zip_of(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return out.getvalue()


def tar_of(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]  # the mode is one of its literals
        for path, data in files.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


class Scenario(ABC):
    """A job of one kind on a bench that holds one dataset."""

    name: ClassVar[str]
    shards: ClassVar[Mapping[str, int]] = {}
    """How its bench cuts shards, where that is not as for all others."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.base = bench.imported(zip_of(FILES), "base")
        self.bench.sweep()
        self.before: set[str] = set()

    def begin(self) -> str:
        """Ask for the job; its id."""
        self._prepare()
        self.before = self.bench.disk()
        return self._submit()

    def _prepare(self) -> None:  # noqa: B027 - most jobs need nothing
        """Make what the job needs."""

    @abstractmethod
    def _submit(self) -> str: ...

    @abstractmethod
    def made(self, job_id: str) -> Any:
        """The result of the job, to be compared between runs."""

    @abstractmethod
    def check_nothing_left(self, job_id: str) -> None:
        """A job that did not succeed shows nothing and leaves nothing."""

    def moved(self, job_id: str) -> None:  # noqa: B027 - only archives move
        """A retry may make its result in another place."""


class Import(Scenario):
    """Base of the imports."""

    archive: ClassVar[bytes]
    filename: ClassVar[str]
    dataset_id: str

    def _submit(self) -> str:
        dataset, job = self.bench.submit_import(self.archive, filename=self.filename)
        self.dataset_id = dataset.id
        self.uploaded = self.bench.disk() - self.before
        return job.id

    def made(self, job_id: str) -> Any:
        resources = self.bench.resources
        with self.bench.database.reading() as session:
            dataset, version = find_version(session, self.bench.project_id, self.dataset_id)
            labels = labels_of(session, [dataset.id])[dataset.id]
        assert dataset.state == "READY"
        entries = list_files(resources, dataset, version, limit=10_000).entries
        contents = {
            entry.path: b"".join(read_file(resources, dataset, entry, 0, entry.size_bytes))
            for entry in entries
        }
        self.bench.sweep()
        left = self.bench.disk() - self.before
        objects = {path for path in left if path.startswith(f"{dataset.prefix}objects/")}
        assert left - objects == {version.manifest_key}, "staging and upload are gone, nothing was forgotten"
        assert len(objects) == len(entries)
        files = [replace(entry, key="", offset=0) for entry in entries]
        return contents, labels, dataset.files, dataset.size_bytes, files

    def check_nothing_left(self, job_id: str) -> None:
        dataset = self.bench.dataset(self.dataset_id)
        assert (dataset.state, dataset.version, dataset.files) == ("FAILED", 0, 0)
        assert self.bench.disk() - self.before <= self.uploaded, "only the upload stays, for another import"


class ImportZip(Import):
    name = "import zip"
    archive = zip_of(FILES)
    filename = "data.zip"


class ImportTarGz(Import):
    name = "import tar.gz"
    archive = tar_of(FILES)
    filename = "data.tar.gz"


class ImportPrefix(Import):
    """From a source storage; its large file is larger than a shard and is streamed."""

    name = "import prefix"
    storage: ClassVar[str] = "inbox"

    def __init__(self, bench: Bench) -> None:
        super().__init__(bench)
        large = random.Random("larger than a shard").randbytes(300_000)
        files = FILES | {"cat/huge.bin": large, "dog/2.bin": b"", "猫/a b.bin": b"with a space"}
        bench.keep(self.storage, {f"incoming/{path}": data for path, data in files.items()})
        bench.keep(self.storage, {"incoming.bin": b"beside it", "incoming-2/a.bin": b"beside it, too"})

    def _submit(self) -> str:
        dataset, job = self.bench.submit_source({"storage": self.storage, "prefix": "incoming/"})
        self.dataset_id = dataset.id
        self.uploaded: set[str] = set()
        return job.id


class ImportPrefixWithin(ImportPrefix):
    """From and to one storage; its large file is copied there."""

    name = "import prefix within a storage"
    storage = "shared"

    def _submit(self) -> str:
        source = {"storage": self.storage, "prefix": "incoming"}
        dataset, job = self.bench.submit_source(source, storage=self.storage)
        self.dataset_id = dataset.id
        self.uploaded = set()
        return job.id


class Archiving(Scenario):
    """Base of the kinds that make an archive."""

    archive_format: ClassVar[str] = "zip"
    compression: ClassVar[str] = "none"
    archive_id: str
    download_id: str

    def _prepare(self) -> None:
        self.bench.expire_archives()

    def made(self, job_id: str) -> Any:
        with self.bench.database.reading() as session:
            archive = session.get_one(Archive, self.archive_id)
        self.bench.sweep()
        data = self._read(archive)
        assert len(data) == archive.size_bytes
        made = [path.removeprefix(archive.prefix) for path in self.bench.disk() - self.before]
        left = sorted("archive" if name == archive.object_name else name for name in made)
        assert left == sorted(self.expected_objects)
        return data

    def moved(self, job_id: str) -> None:
        self.archive_id = self.bench.job(job_id).payload["archive_id"]

    @property
    def expected_objects(self) -> set[str]:
        return {"archive", "labels", "manifest", "members.parquet"}

    def _read(self, archive: Archive) -> bytes:
        assert archive.state == ArchiveState.READY
        return (self.bench.root / archive.key).read_bytes()

    def check_nothing_left(self, job_id: str) -> None:
        self.bench.sweep()
        with self.bench.database.reading() as session:
            archive = session.get_one(Archive, self.archive_id)
            assert archive.state == ArchiveState.EXPIRED
            # Files rendered for another archive that exists are kept for a while.
            left = [found.prefix for found in session.scalars(select(Litter))]
            assert not [
                prefix
                for prefix in left
                if prefix.startswith(archive.prefix) or not prefix.endswith("/rendered/")
            ], left
        assert self.bench.disk() - self.before == set()


class ExportZip(Archiving):
    name = "export zip"

    def _submit(self) -> str:
        request = ExportRequest(
            datasets=((self.base.id, None),),
            labels=LabelFilter(any=("cat", "猫")),
            archive=self.archive_format,
            compression=self.compression,
        )
        _, archive, job = self.bench.export(request)
        self.archive_id = archive.id
        return job.id


class ExportTar(ExportZip):
    name = "export tar"
    archive_format = "tar"


class ExportDeflate(ExportZip):
    name = "export deflate"
    compression = "deflate"

    @property
    def expected_objects(self) -> set[str]:
        return {*super().expected_objects, "plain.parquet"}


class DownloadArchive(Archiving):
    name = "download archive"
    delivery: ClassVar[Delivery] = Delivery.ARCHIVE

    def _submit(self) -> str:
        download, job = self.bench.download(self.base.id, self.delivery)
        self.download_id, self.archive_id = download.id, self._archive_of(download)
        return job.id

    def _archive_of(self, download: Download) -> str:
        return download.archive_id

    def _read(self, archive: Archive) -> bytes:
        return self.bench.read_download(self.download_id)


class DownloadStream(DownloadArchive):
    name = "download stream"
    delivery = Delivery.STREAM

    @property
    def expected_objects(self) -> set[str]:
        return {"labels", "manifest", "members.parquet"}


class Delete(Scenario):
    name = "delete"
    dataset: Dataset

    def _prepare(self) -> None:
        self.dataset = self.bench.imported(zip_of(FILES))
        self.bench.sweep()

    def _submit(self) -> str:
        return self.bench.delete(self.dataset.id).id

    def made(self, job_id: str) -> Any:
        assert self.bench.objects(self.dataset.prefix) == []
        assert not [path for path in self.bench.disk() if self.dataset.id in path]
        with self.bench.database.reading() as session:
            assert session.get(DeletedDataset, self.dataset.id) is None
        result = dict(self.bench.job(job_id).result or {})
        result.pop("dataset")
        return json.dumps(result)

    def check_nothing_left(self, job_id: str) -> None:
        """A delete is never taken back: what is left is counted, and a retry removes it."""
        result = self.bench.job(job_id).result
        assert result is not None
        assert result["leftovers"] == len(self.left())
        self.bench.retry(job_id)
        self.bench.settle()
        assert self.bench.job(job_id).state == "SUCCESS"
        self.made(job_id)

    def left(self) -> list[str]:
        """What is still there of the dataset."""
        return self.bench.objects(self.dataset.prefix)


FILE_SCENARIOS: tuple[type[Scenario], ...] = (
    ImportZip,
    ImportTarGz,
    ImportPrefix,
    ImportPrefixWithin,
    ExportZip,
    ExportTar,
    ExportDeflate,
    DownloadArchive,
    DownloadStream,
    Delete,
)
