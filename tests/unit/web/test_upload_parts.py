"""Uploads to a storage that needs large parts: pieces of any size are joined to parts, whatever dies in between."""

import io
import random
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError
from support.jobs.faults import Schedule, faulty_database, faulty_storages, lost_connection
from support.jobs.workbench import Workbench
from tusclient import client as tus_client

from datacenter.access.tokens import create_token
from datacenter.datasets.models import Upload
from datacenter.datasets.resources import Resources
from datacenter.datasets.uploads import buffering, tus
from datacenter.datasets.uploads.buffering import ReceivedBytes
from datacenter.datasets.uploads.tus import UploadClaim
from datacenter.errors import Conflict, Locked
from datacenter.settings.model import StorageSettings
from datacenter.storages.opener import Storages
from jobs.scheduler.sweep import remove_litter
from storage_adapters.errors import StorageError
from storage_adapters.object_storage.contract import Storage

MINIMUM = 100
MAX_PARTS = 20
LARGEST = 3_000
"""More than this many parts of the minimum size hold."""
OCTETS = {"Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    home: Path = tmp_path_factory.mktemp("bench")
    limits = {"minimum_part_bytes": MINIMUM, "maximum_parts": MAX_PARTS}
    bench = Workbench(
        home,
        storages={
            "bucket": StorageSettings(kind="memory", url=f"memory://{home}", options=limits),
        },
    )
    yield bench
    bench.close()


def begin(bench: Workbench, size_bytes: int, storage: str = "bucket") -> str:
    with bench.database.transaction() as session:
        return tus.begin(
            session,
            bench.resources,
            project_id=bench.project_id,
            filename="a.zip",
            size_bytes=size_bytes,
            storage=storage,
        ).id


def row(bench: Workbench, upload_id: str) -> Upload:
    with bench.database.reading() as session:
        return tus.find(session, bench.project_id, upload_id)


def send(bench: Workbench, upload_id: str, offset: int, data: bytes) -> Upload:
    return tus.append(bench.resources, bench.project_id, upload_id, offset_bytes=offset, data=data)


def stored(bench: Workbench, upload_id: str) -> bytes:
    upload = row(bench, upload_id)
    assert upload.completed
    with bench.resources.storages.open(upload.storage).fs.open(upload.key, "rb") as file:
        return file.read()


def objects(bench: Workbench, upload_id: str, storage: str = "bucket") -> list[str]:
    prefix = f"uploads/{upload_id}/"
    return [
        info.key.removeprefix(prefix) for info in bench.resources.storages.open(storage).list_objects(prefix)
    ]


def client(
    bench: Workbench, upload_id: str, data: bytes, lengths: Iterator[int], via: list[Resources]
) -> None:
    """A tus client that asks for the offset, sends the next piece, and survives any response, or none."""
    attempts = 0
    while True:
        web = via[attempts % len(via)]
        attempts += 1
        assert attempts < 5_000
        try:
            with web.database.reading() as session:
                found = tus.find(session, bench.project_id, upload_id)
            offset = tus.settle(web, found).offset_bytes
            if offset == len(data):
                return
            piece = data[offset : offset + next(lengths)]
            tus.append(web, bench.project_id, upload_id, offset_bytes=offset, data=piece)
        except Locked:
            # Its owner is dead; half a minute passes.
            with bench.database.transaction() as session:
                session.get_one(Upload, upload_id).claimed_until = None
        except (StorageError, OperationalError):
            pass


@contextmanager
def claims_never_released() -> Iterator[None]:
    """A failure stands for a killed server, which sends no response."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UploadClaim, "release", lambda *_: None)
        yield


MAX_PIECES = 100
"""At most about this many pieces an object: each is a request with its own transaction."""
PIECES = st.one_of(st.integers(1, 20), st.integers(1, MINIMUM - 1), st.integers(1, 3 * MINIMUM))


@settings(max_examples=20)
@given(
    size=st.integers(1, LARGEST),
    lengths=st.lists(PIECES, min_size=1, max_size=30),
    crashes=st.lists(
        st.tuples(st.sampled_from(["storage", "database"]), st.integers(1, 60), st.booleans()), max_size=6
    ),
)
def test_the_object_is_what_was_sent_however_it_was_cut_and_whatever_failed(
    bench: Workbench, size: int, lengths: list[int], crashes: list[tuple[str, int, bool]]
) -> None:
    assume(size * len(lengths) <= MAX_PIECES * sum(lengths))
    data = random.Random(size).randbytes(size)
    upload_id = begin(bench, size)
    webs = [bench.resources]
    for place, at, after in crashes:
        if place == "storage":
            webs.append(faulty_storages(bench.resources, Schedule(at=at, after=after)))
        else:
            failing = Schedule(at=at, after=after, fault=lost_connection)
            webs.append(faulty_database(bench.resources, failing))

    with claims_never_released():
        client(bench, upload_id, data, endless(lengths), webs)

    assert stored(bench, upload_id) == data
    parts = ReceivedBytes.from_rows(row(bench, upload_id).parts).parts
    assert len(parts) <= MAX_PARTS
    assert all(part.length >= MINIMUM for part in parts[:-1])


def endless(lengths: list[int]) -> Iterator[int]:
    while True:
        yield from lengths


WHOLE = 450
"""Size of an upload that is sent again for each failing call."""


def tries(lengths: list[int]) -> int:
    """How many calls fail once each: fewer if the upload takes many requests, each with its transactions."""
    return max(2, min(6, MAX_PIECES * sum(lengths) // (WHOLE * len(lengths))))


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "after it is done"])
@pytest.mark.parametrize("lengths", [[5], [17], [40], [99, 1], [100], [60, 60], [WHOLE]])
def test_no_call_that_fails_loses_a_byte(bench: Workbench, lengths: list[int], after: bool) -> None:
    data = random.Random(1).randbytes(WHOLE)
    counting, watching = Schedule(), Schedule(fault=lost_connection)
    upload_id = begin(bench, len(data))
    counted = faulty_database(faulty_storages(bench.resources, counting), watching)
    client(bench, upload_id, data, endless(lengths), [counted])

    for calls, faulty, fault in (
        (counting.calls, faulty_storages, StorageError),
        (watching.calls, faulty_database, lost_connection),
    ):
        for at in random.Random(str(lengths)).sample(range(1, calls + 1), min(calls, tries(lengths))):
            upload_id = begin(bench, len(data))
            failing = faulty(bench.resources, Schedule(at=at, after=after, fault=fault))
            with claims_never_released():
                client(bench, upload_id, data, endless(lengths), [failing])
            assert stored(bench, upload_id) == data, at


def test_bytes_below_a_part_are_kept_as_soon_as_they_are_answered(bench: Workbench) -> None:
    data = random.Random(2).randbytes(MINIMUM - 1)
    upload_id = begin(bench, 10 * MINIMUM)
    offset = 0
    while offset < len(data):
        assert send(bench, upload_id, offset, data[offset : offset + 1]).offset_bytes == offset + 1
        offset += 1
        arrived = ReceivedBytes.from_rows(row(bench, upload_id).parts)
        storage = bench.resources.storages.open("bucket")
        kept = b"".join(storage.fs.cat_file(tail.key) for tail in arrived.tails)
        assert (arrived.parts, kept) == ((), data[:offset])
        assert len(arrived.tails) <= 7, "a row does not grow with the number of pieces"
        assert len(objects(bench, upload_id)) == len(arrived.tails), "what was joined is gone"


def test_a_byte_is_not_written_once_for_each_piece(bench: Workbench) -> None:
    written = 0
    memory = bench.resources.storages.open("bucket")
    put_many = memory.put_many

    class Counting:
        def __getattr__(self, name: str):
            return getattr(memory, name)

        def put_many(self, new):
            nonlocal written
            new = list(new)
            written += sum(len(each.data) for each in new)
            return put_many(new)

    class Opened:
        def __getattr__(self, name: str):
            return getattr(bench.resources.storages, name)

        def open(self, _: str) -> Counting:
            return Counting()

    data = bytes(MINIMUM - 1)
    upload_id = begin(bench, MINIMUM)
    client(bench, upload_id, data + b"x", iter([1] * MINIMUM), [replace(bench.resources, storages=Opened())])
    assert stored(bench, upload_id) == data + b"x"
    assert written < 12 * MINIMUM


def test_the_largest_upload_has_no_more_parts_than_the_storage_takes(bench: Workbench) -> None:
    data = random.Random(3).randbytes(LARGEST)
    upload_id = begin(bench, LARGEST)

    client(bench, upload_id, data, endless([MINIMUM + 1]), [bench.resources])

    assert stored(bench, upload_id) == data
    assert len(row(bench, upload_id).parts) <= MAX_PARTS


def test_when_all_has_arrived_only_the_archive_is_left(bench: Workbench) -> None:
    data = bytes(range(250))
    upload_id = begin(bench, len(data))
    client(bench, upload_id, data, endless([30]), [bench.resources])

    assert objects(bench, upload_id) == ["archive"]
    assert not list(bench.resources.storages.open("bucket").list_uploads(f"uploads/{upload_id}/"))


def test_an_upload_that_is_given_up_is_swept_with_its_tails(bench: Workbench) -> None:
    upload_id = begin(bench, 10 * MINIMUM)
    send(bench, upload_id, 0, bytes(MINIMUM + 1))
    send(bench, upload_id, MINIMUM + 1, b"tail")
    assert len(objects(bench, upload_id)) == 1
    bench.database.run(lambda session: tus.remove(session, bench.project_id, upload_id))

    remove_litter(bench.resources)

    assert objects(bench, upload_id) == []
    assert not list(bench.resources.storages.open("bucket").list_uploads(f"uploads/{upload_id}/"))


def test_a_writer_that_wakes_up_late_harms_no_tail_that_counts(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_id = begin(bench, MINIMUM)
    put = buffering._put

    def after_others(storage: Storage, key: str, data: bytes) -> None:
        monkeypatch.setattr(buffering, "_put", put)
        with bench.database.transaction() as session:
            session.get_one(Upload, upload_id).claimed_until = None
        send(bench, upload_id, 0, b"012")
        send(bench, upload_id, 3, b"34567")
        put(storage, key, data)

    monkeypatch.setattr(buffering, "_put", after_others)
    with pytest.raises(Conflict):
        send(bench, upload_id, 0, b"abcdefgh")

    assert send(bench, upload_id, 8, bytes(MINIMUM - 8)).completed
    assert stored(bench, upload_id) == b"01234567" + bytes(MINIMUM - 8)


@pytest.fixture
def on_s3(tmp_path: Path) -> Iterator[Workbench]:
    """A data centre whose default storage has the limits of S3."""
    default = StorageSettings(kind="memory", url=f"memory://{tmp_path}/s3")
    bench = Workbench(tmp_path, storages={"default": default})
    settings = bench.settings.model_copy(update={"web": bench.settings.web.model_copy(update={"port": 0})})
    bench.resources = replace(bench.resources, settings=settings)
    yield bench
    bench.close()


def test_a_tus_client_that_sends_small_pieces_to_two_servers_uploads_what_can_be_imported(
    on_s3: Workbench, serving_on: Callable[[Resources], AbstractContextManager[str]]
) -> None:
    content = {
        f"{number % 2}/{number}.bin": random.Random(number).randbytes(1_300_001) for number in range(10)
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, data in content.items():
            archive.writestr(path, data)
    size_bytes = len(packed.getvalue())
    with on_s3.database.transaction() as session:
        _, token = create_token(session, on_s3.project_id, "test")
    headers = {"Authorization": f"Bearer {token}"}

    with serving_on(on_s3.resources) as first, serving_on(on_s3.resources) as second:
        uploader = None
        for number in range(1_000):
            address = f"{(first, second)[number % 2]}/api/v1/uploads"
            client = tus_client.TusClient(address, headers)
            url = uploader and f"{address}/{uploader.url.rsplit('/', 1)[-1]}"
            uploader = client.uploader(file_stream=packed, chunk_size=700_000, url=url)
            uploader.upload_chunk()
            if uploader.offset == size_bytes:
                break
        upload_id = uploader.url.rsplit("/", 1)[-1]
        assert stored(on_s3, upload_id) == packed.getvalue()
        assert [part["length"] >= 5 << 20 for part in row(on_s3, upload_id).parts] == [True, True, False]
        body = {"name": "from-small-pieces", "source": {"upload": upload_id}}
        accepted = httpx.post(f"{second}/api/v1/datasets", headers=headers, json=body)
        assert accepted.status_code == 202, accepted.text
        on_s3.work()

        dataset = f"{first}/api/v1/datasets/{accepted.json()['dataset']['id']}"
        assert httpx.get(dataset, headers=headers).json()["state"] == "READY"
        for path, data in content.items():
            assert httpx.get(f"{dataset}/files/{path}", headers=headers).content == data
    remove_litter(on_s3.resources)
    assert objects(on_s3, upload_id, "default") == []


@pytest.mark.parametrize("size_bytes", [0, 1, 5 << 20, (5 << 20) + 1])
def test_an_upload_in_one_request_is_whole(
    on_s3: Workbench, serving_on: Callable[[Resources], AbstractContextManager[str]], size_bytes: int
) -> None:
    data = random.Random(size_bytes).randbytes(size_bytes)
    with on_s3.database.transaction() as session:
        _, token = create_token(session, on_s3.project_id, "test")
    headers = {**OCTETS, "Authorization": f"Bearer {token}", "Upload-Length": str(size_bytes)}
    with serving_on(on_s3.resources) as url:
        response = httpx.post(f"{url}/api/v1/uploads", headers=headers, content=data)
    assert (response.status_code, response.headers["Upload-Offset"]) == (201, str(size_bytes))
    upload_id = response.headers["Location"].rsplit("/", 1)[-1]
    assert stored(on_s3, upload_id) == data
    assert objects(on_s3, upload_id, "default") == ["archive"]


def test_where_the_storage_knows_no_least_part_small_pieces_are_gathered_all_the_same(
    bench: Workbench,
) -> None:
    unlimited = StorageSettings(kind="memory", url="memory://unlimited", options={"minimum_part_bytes": 0})
    storages = {**bench.resources.settings.storages, "unlimited": unlimited}
    settings = bench.resources.settings.model_copy(update={"storages": storages})
    resources = replace(bench.resources, storages=Storages(settings, bench.database))
    data = random.Random(3).randbytes(40 * 64)
    with bench.database.transaction() as session:
        upload = tus.begin(
            session,
            resources,
            project_id=bench.project_id,
            filename="a.zip",
            size_bytes=len(data),
            storage="unlimited",
        )
    for start in range(0, len(data), 64):
        piece = data[start : start + 64]
        tus.append(resources, bench.project_id, upload.id, offset_bytes=start, data=piece)

    found = row(bench, upload.id)
    assert found.completed
    assert len(found.parts) == 1
    with resources.storages.open("unlimited").fs.open(found.key, "rb") as file:
        assert file.read() == data
