"""Imports and exports on a real gateway at the true sizes: what is copied within it and does not pass through the worker."""

import random
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.jobs.workbench import Workbench
from support.storages.copy_traffic import Traffic
from support.storages.places import Place, ceph_on_rgw, cos_on_rgw

from datacenter.datasets.archives.exports import ExportRequest
from datacenter.datasets.models import Archive
from datacenter.settings.model import StorageSettings
from storage_adapters.object_storage.streaming import put_stream, read_stream
from storage_adapters.s3 import S3Storage

pytestmark = pytest.mark.real

MIB = 1 << 20
LARGE_BYTES = 100 * MIB
LARGE = random.Random(9).randbytes(LARGE_BYTES)
FILES = {"a.txt": b"small", "b.bin": LARGE, "c.txt": b"", "d.bin": LARGE[: 9 * MIB]}


@pytest.fixture(params=[ceph_on_rgw, cos_on_rgw], ids=["ceph", "cos"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workbench]:
    make: Callable[[], Place] = request.param
    place = make()
    kept = StorageSettings(kind=place.kind, url=place.url, role="both", options=dict(place.options))
    bench = Workbench(tmp_path, storages={"default": kept}, size_bytes=256 * MIB, part_bytes=64 * MIB)
    yield bench
    for prefix in ("archives/", "datasets/", "inbox/"):
        list(place.open().delete_prefix(prefix))
    bench.close()


def test_large_files_are_copied_within_the_gateway_into_the_dataset_and_into_archives(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = bench.resources.storages.open("default")
    for name, data in FILES.items():
        put_stream(storage, f"inbox/{name}", [data])
    traffic = Traffic(S3Storage, monkeypatch)
    dataset, job = bench.submit_source({"storage": "default", "prefix": "inbox/"})
    bench.work()
    assert bench.job(job.id).state == "SUCCESS", bench.job(job.id).error
    assert traffic.copied == {f"inbox/{name}": len(FILES[name]) for name in ("b.bin", "d.bin")}

    for form in ("zip", "tar"):
        traffic = Traffic(S3Storage, monkeypatch)
        _, planned, job = bench.export(ExportRequest(datasets=((dataset.id, None),), archive=form))
        bench.work()

        assert bench.job(job.id).state == "SUCCESS", bench.job(job.id).error
        ((key, copied),) = traffic.copied.items()
        assert copied + traffic.read[key] == LARGE_BYTES
        assert traffic.read[key] < 10 * MIB
        with bench.database.reading() as session:
            made = session.get_one(Archive, planned.id).key
        path = tmp_path / form
        path.write_bytes(b"".join(read_stream(storage, made)))
        assert held(path) == FILES


def held(path: Path) -> dict[str, bytes]:
    if path.name == "tar":
        with tarfile.open(path) as tar:
            return {name: tar.extractfile(name).read() for name in FILES}  # type: ignore[union-attr]  # all are files
    with zipfile.ZipFile(path) as reader:
        assert reader.testzip() is None
        return {name: reader.read(name) for name in FILES}
