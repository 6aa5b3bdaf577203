"""Every job on every platform storage: uploaded, imported, exported, fetched, deleted, and nothing of it stays there."""

import io
import json
import random
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import update
from support.storages.places import Place, ceph_on_rgw, cos_on_rgw, hdfs, webhdfs
from tusclient import client as tus_client
from tusclient.uploader import Uploader

from datacenter.client import Dataset, Download, Job, LabelFilter
from datacenter.client.uploads import MULTIPART_FROM_BYTES
from datacenter.database.engine import Database, now
from datacenter.datasets.models import Archive, Upload
from datacenter.datasets.uploads.buffering import ReceivedBytes
from storage_adapters.object_storage.contract import NewObject

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

MIB = 1 << 20
PIECE_BYTES = 2 * MIB
LARGE_BYTES = 7 * MIB
"""More than a part on S3 must have at least, and more than what an import copies through its memory."""
PART_BYTES = 5 * MIB
"""Of an archive: the least that S3 takes, so that several workers write each of the archives here."""
PATIENCE_SECONDS = 60

_random = random.Random(7)
FILES = {
    "cats/大猫.bin": _random.randbytes(LARGE_BYTES),
    "cats/tail.bin": _random.randbytes(MIB // 3),
    "dogs/a.bin": _random.randbytes(LARGE_BYTES),
    "dogs/empty.bin": b"",
    "dogs/小狗.txt": "汪".encode(),
}
CATS = {name: data for name, data in FILES.items() if name.startswith("cats/")}

PLACES: dict[str, Callable[[Path], Place]] = {
    "nas": lambda directory: Place(kind="nas", url=f"nas://{directory}/platform", options={}),
    "ceph": lambda _: ceph_on_rgw(),
    "cos": lambda _: cos_on_rgw(),
    "hdfs": lambda _: hdfs(),
    "webhdfs": lambda _: webhdfs(),
}


@pytest.fixture(scope="module", params=PLACES.values(), ids=PLACES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return request.param(tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="module")
def centre(place: Place, start_centre):
    """A data centre that keeps everything on that storage, its uploads too."""
    values = {
        "KIND": place.kind,
        "URL": place.url,
        "ROLE": "both",
        "OPTIONS": json.dumps(dict(place.options)),
    }
    settings = {f"DATACENTER__STORAGES__PLATFORM__{name}": value for name, value in values.items()}
    settings |= {"DATACENTER__DEFAULT_STORAGE": "platform", "DATACENTER__SHARDS__PART_BYTES": str(PART_BYTES)}
    with start_centre(settings) as started:
        yield started


@pytest.fixture(scope="module")
def client(centre):
    return centre.client


@pytest.fixture(scope="module")
def database(centre) -> Iterator[Database]:
    opened = Database(centre.database)
    yield opened
    opened.engine.dispose()


@pytest.fixture
def plain(place: Place) -> Iterator[httpx.Client]:
    """Plain HTTP, no token. COS's names lead nowhere in a test, so its gateway is asked as if it were a proxy."""
    proxies = {"http://": httpx.HTTPTransport(proxy=proxy)} if (proxy := place.options.get("proxy")) else {}
    with httpx.Client(mounts={**proxies, "http://127.0.0.1": None}, timeout=60, trust_env=False) as http:
        yield http


def zip_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


def tar_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()


@pytest.mark.parametrize(("pack", "filename"), [(zip_of, "all.zip"), (tar_of, "all.tar")], ids=["zip", "tar"])
def test_an_archive_that_arrives_in_pieces_becomes_a_dataset(
    centre, client, database, place, pack, filename: str
) -> None:
    upload = tus_upload(centre, pack(FILES), filename)
    for _ in range(5):
        upload.upload_chunk()
    check_parts(place, arrived(database, upload), 5 * PIECE_BYTES)
    upload.upload()
    dataset = imported(client, filename, {"upload": id_of(upload)})

    assert dataset.labels == {"cats": 2, "dogs": 3}
    held = {entry.path: read(client, dataset, entry.path) for entry in client.datasets.files(dataset.id)}
    assert held == FILES

    done(client, client.datasets.delete(dataset.id))
    eventually_left(place, {})


def test_a_large_archive_goes_in_parts_straight_to_the_storage_where_that_can_be(
    client, database, place, tmp_path: Path
) -> None:
    files = {"cats/large.bin": _random.randbytes(MULTIPART_FROM_BYTES)}
    archive = tmp_path / "large.zip"
    archive.write_bytes(zip_of(files))

    upload_id = client.uploads.send(archive)

    with database.reading() as session:
        in_parts = session.get_one(Upload, upload_id).part_bytes is not None
    # COS's names lead nowhere in a test, so its storage is out of the client's reach.
    assert in_parts == (place.kind == "ceph")
    dataset = imported(client, "large", {"upload": upload_id})
    assert read(client, dataset, "cats/large.bin") == files["cats/large.bin"]
    done(client, client.datasets.delete(dataset.id))
    eventually_left(place, {})


def test_what_lies_on_the_storage_is_imported_exported_by_label_and_fetched(
    client, database, place, plain
) -> None:
    source = {f"inbox/{name}": data for name, data in FILES.items()}
    keep(place, source)
    dataset = imported(client, "from-inbox", {"storage": "platform", "prefix": "inbox/"})
    export, job = client.exports.create([dataset.id], labels=LabelFilter(any=("cats",)))
    done(client, job)

    built = link(client, client.downloads.of_export(export.id))
    signed_by_storage = place.kind in ("ceph", "cos")
    assert ("/d/" not in built.url) == signed_by_storage
    whole = plain.get(built.url).content
    assert (len(whole), members_of(whole, CATS)) == (built.size_bytes, CATS)
    part = plain.get(built.url, headers={"Range": f"bytes={LARGE_BYTES - 5}-{LARGE_BYTES + 4}"})
    assert (part.status_code, part.content) == (206, whole[LARGE_BYTES - 5 : LARGE_BYTES + 5])

    tar = link(client, client.downloads.of_dataset(dataset.id, archive="tar"))
    stream = link(client, client.downloads.of_dataset(dataset.id, delivery="stream"))
    assert "/d/" in stream.url
    with tarfile.open(fileobj=io.BytesIO(plain.get(tar.url).content)) as archive:
        assert {name: archive.extractfile(name).read() for name in FILES} == FILES
    assert members_of(plain.get(stream.url).content, FILES) == FILES
    part = plain.get(stream.url, headers={"Range": "bytes=100-299"})
    assert (part.status_code, len(part.content)) == (206, 200)

    done(client, client.datasets.delete(dataset.id))
    database.run(lambda session: session.execute(update(Archive).values(expires_at=now(session))))
    eventually_left(place, source)
    for outcome in place.open().delete(source):
        assert outcome.error is None


def test_of_an_upload_that_nobody_finishes_nothing_stays(centre, database, place) -> None:
    upload = tus_upload(centre, bytes(7 * PIECE_BYTES), "never.zip")
    for _ in range(4):
        upload.upload_chunk()
    assert left(place) != {}

    database.run(lambda session: session.execute(update(Upload).values(expires_at=now(session))))

    eventually_left(place, {})


def tus_upload(centre, data: bytes, filename: str) -> Uploader:
    """An upload by a client that is not ours, a piece at a time."""
    tus = tus_client.TusClient(f"{centre.url}/api/v1/uploads", {"Authorization": f"Bearer {centre.token}"})
    return tus.uploader(file_stream=io.BytesIO(data), chunk_size=PIECE_BYTES, metadata={"filename": filename})


def id_of(upload: Uploader) -> str:
    return upload.url.rsplit("/", 1)[-1]


def arrived(database: Database, upload: Uploader) -> ReceivedBytes:
    with database.reading() as session:
        return ReceivedBytes.from_rows(session.get_one(Upload, id_of(upload)).parts)


def check_parts(place: Place, kept: ReceivedBytes, size_bytes: int) -> None:
    """Pieces are gathered into parts, with what makes none yet behind them, unless the storage writes them in place."""
    capabilities = place.open().capabilities
    assert kept.size_bytes == size_bytes
    assert len(kept.parts) == 1
    assert all(part.length >= capabilities.minimum_part_bytes for part in kept.parts)
    assert bool(kept.tails) != capabilities.positioned_writes


def imported(client, name: str, source: dict[str, str]) -> Dataset:
    dataset, job = client.datasets.create(name, source, label_format="folders")
    done(client, job)
    return client.datasets.get(dataset.id)


def done(client, job: Job) -> Job:
    ended = client.jobs.wait(job)
    assert ended.succeeded, ended.error
    return ended


def link(client, job: Job) -> Download:
    return client.downloads.of_job(done(client, job))


def read(client, dataset: Dataset, path: str) -> bytes:
    return b"".join(client.datasets.read_file(dataset.id, path))


def members_of(archive: bytes, wanted: dict[str, bytes]) -> dict[str, bytes]:
    """The archive's files, its own lists left aside, if it holds no more than what was wanted."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert len(opened.namelist()) == len(wanted) + 2
        return {name: opened.read(name) for name in wanted}


def keep(place: Place, objects: dict[str, bytes]) -> None:
    for outcome in place.open().put_many(NewObject(key=key, data=data) for key, data in objects.items()):
        assert outcome.error is None, outcome.error


def left(place: Place) -> dict[str, int]:
    """All that lies on the storage with its size: objects, uploads that were begun, and its own hidden area."""
    storage = place.open()
    found = {info.key: info.size_bytes for info in storage.list_objects("")}
    found |= {f"upload of {upload.key}": 0 for upload in storage.list_uploads("")}
    if place.kind == "nas":
        hidden = Path(place.url.removeprefix("nas://")) / ".datacenter"
        return found | {str(path): path.stat().st_size for path in hidden.rglob("*") if path.is_file()}
    if place.kind in ("hdfs", "webhdfs"):
        return found | dict.fromkeys(storage.fs.find(".datacenter"), 0)
    return found


def eventually_left(place: Place, wanted: dict[str, bytes]) -> None:
    """Wait for the sweep until nothing but these objects is left."""
    sizes = {key: len(data) for key, data in wanted.items()}
    end = time.monotonic() + PATIENCE_SECONDS
    while (found := left(place)) != sizes:
        assert time.monotonic() < end, f"on {place.kind} there still lies {found}"
        time.sleep(0.3)
