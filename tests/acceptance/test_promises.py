"""Promises of the REST API that need time or several processes: links that expire, jobs that wait, cancel, restore, notify."""

import json
import os
import queue
import signal
import subprocess
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from ledger_watch import watching

from datacenter.client import Dataset, Job, Problem

FILES = {f"{number % 2}/图-{number}.bin": bytes([number % 251]) * 500 for number in range(600)}
SETTINGS = {"DATACENTER__SHARDS__FILES": "15", "DATACENTER__LIFETIMES__ARCHIVE_SECONDS": "1"}
"""An archive lives as long as the last link to it."""
PATIENCE_SECONDS = 15
BYTES_BEFORE_THE_BREAK = 7_000


@pytest.fixture(scope="module")
def centre(start_centre):
    with start_centre(SETTINGS) as started:
        yield started


@pytest.fixture(scope="module")
def client(centre):
    return centre.client


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "文件.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name, data in FILES.items():
            file.writestr(name, data)
    return path


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.txt", "one file")
    return path


@pytest.fixture
def name() -> str:
    return f"数据-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def dataset(client, archive) -> Dataset:
    """A dataset that no test changes."""
    made, job = client.datasets.create("样本", {"upload": client.uploads.send(archive)})
    assert client.jobs.wait(job).state == "SUCCESS"
    return client.datasets.get(made.id)


def start_import(client, path: Path, name: str, **options: object) -> tuple[Dataset, Job]:
    return client.datasets.create(name, {"upload": client.uploads.send(path)}, options=options)


def link_of(client, job: Job) -> str:
    ended = client.jobs.wait(job)
    assert ended.state == "SUCCESS", ended
    url = client.downloads.of_job(ended).url
    assert url is not None
    return url


def eventually(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def files_under(folder: Path) -> list[str]:
    """Names of files; a walk passes over what is removed at the same time."""
    return [name for _, _, names in os.walk(folder) for name in names]


@pytest.fixture(scope="module", params=["archive", "stream"])
def link(client, dataset, request) -> str:
    return link_of(client, client.downloads.of_dataset(dataset.id, delivery=request.param))


@pytest.fixture(scope="module")
def whole(link) -> bytes:
    return httpx.get(link).content


def test_a_link_says_what_it_gives_and_serves_any_range_of_it(link, whole):
    head = httpx.head(link)

    assert int(head.headers["Content-Length"]) == len(whole)
    assert head.headers["Accept-Ranges"] == "bytes"
    assert head.headers["X-Content-Type-Options"] == "nosniff"
    assert head.headers["Cache-Control"] == "no-store"
    assert f"filename*=UTF-8''{quote('样本.zip')}" in head.headers["Content-Disposition"]
    for asked, start, stop in (
        ("0-0", 0, 1),
        ("100-70000", 100, 70_001),
        ("-5", len(whole) - 5, len(whole)),
        (f"{len(whole) - 1}-", len(whole) - 1, len(whole)),
    ):
        part = httpx.get(link, headers={"Range": f"bytes={asked}"})
        assert part.status_code == 206
        assert part.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(whole)}"
        assert part.content == whole[start:stop]
    beyond = httpx.get(link, headers={"Range": f"bytes={len(whole)}-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")


def test_a_range_is_served_only_of_the_very_archive_that_was_begun(link, whole):
    etag = httpx.head(link).headers["ETag"]
    assert not etag.startswith("W/")

    same = httpx.get(link, headers={"Range": "bytes=10-19", "If-Range": etag})
    other = httpx.get(link, headers={"Range": "bytes=10-19", "If-Range": '"another"'})

    assert (same.status_code, same.content) == (206, whole[10:20])
    assert (other.status_code, other.content) == (200, whole)
    assert httpx.get(link, headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.real
def test_curl_goes_on_with_a_broken_transfer(link, whole, tmp_path):
    part = tmp_path / "part.zip"
    part.write_bytes(whole[:BYTES_BEFORE_THE_BREAK])

    subprocess.run(["curl", "-sS", "--fail", "-C", "-", "-o", str(part), link], check=True)

    assert part.read_bytes() == whole


def test_an_altered_link_is_refused(link):
    address, _, token = link.rpartition("/")
    content, _, signature = token.partition(".")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]

    for altered in (f"{content}.{flipped}", f"{content[:-2]}.{signature}", content, "x.y"):
        answer = httpx.get(f"{address}/{altered}")
        assert answer.status_code == 403, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_an_expired_link_is_gone_and_the_sweep_removes_its_archive(centre, client, dataset):
    archives = centre.storage / "archives"
    before = set(os.listdir(archives)) if archives.exists() else set()
    job = client.downloads.of_dataset(dataset.id, archive="tar", expires_in=3)
    ended = client.jobs.wait(job)
    url = str(client.downloads.of_job(ended).url)
    assert httpx.get(url).is_success
    (made,) = set(os.listdir(archives)) - before

    eventually(lambda: httpx.head(url).status_code == 410, "the link never expired")
    eventually(lambda: files_under(archives / made) == [], "the archive was never swept")

    assert httpx.get(url).json()["code"] == "GONE"
    with pytest.raises(Problem) as gone:
        client.downloads.of_job(ended)
    assert gone.value.status == 410
    assert (client.jobs.get(job.id).result or {})["download"]["url"] is None


def test_an_archive_that_expired_is_built_anew(client, dataset):
    job = client.downloads.of_dataset(dataset.id, archive="tar", expires_in=1)
    first = client.jobs.wait(job)
    eventually(lambda: _is_gone(client, first), "the link never expired")

    assert httpx.get(link_of(client, client.downloads.of_dataset(dataset.id, archive="tar"))).is_success


def _is_gone(client, job: Job) -> bool:
    return (client.jobs.get(job.id).result or {})["download"]["url"] is None


def test_the_stream_of_a_deleted_dataset_is_gone(client, small, name):
    made, job = start_import(client, small, name)
    client.jobs.wait(job)
    url = link_of(client, client.downloads.of_dataset(made.id, delivery="stream"))
    assert httpx.get(url).is_success

    deletion = client.datasets.delete(made.id)

    assert httpx.get(url).status_code == 410
    assert client.jobs.wait(deletion).state == "SUCCESS"
    assert httpx.get(url).status_code == 410


def test_a_dataset_can_be_restored_within_its_grace_period(centre, client, small, name):
    made, job = start_import(client, small, name)
    client.jobs.wait(job)

    deletion = client.datasets.delete(made.id, grace_seconds=3600)

    with pytest.raises(Problem) as missing:
        client.datasets.get(made.id)
    assert missing.value.status == 404
    assert [dataset.id for dataset in client.datasets.list(state="DELETING")] == [made.id]
    restored = client.datasets.restore(made.id)
    assert (restored.id, restored.name, restored.state) == (made.id, name, "READY")
    assert client.jobs.wait(deletion).state == "REVOKED"
    assert b"".join(client.datasets.read_file(made.id, "a.txt")) == b"one file"


def test_a_dataset_whose_name_was_taken_meanwhile_is_restored_once_the_name_is_free(client, small, name):
    made, job = start_import(client, small, name)
    client.jobs.wait(job)
    client.datasets.delete(made.id, grace_seconds=3600)
    other, job = start_import(client, small, name)
    client.jobs.wait(job)

    with pytest.raises(Problem) as taken:
        client.datasets.restore(made.id)
    assert taken.value.status == 409
    client.datasets.update(other.id, name=f"{name}-other")

    assert client.datasets.restore(made.id).name == name


def test_after_the_grace_period_the_files_go_and_nothing_can_be_restored(centre, client, small, name):
    made, job = start_import(client, small, name)
    client.jobs.wait(job)

    ended = client.jobs.wait(client.datasets.delete(made.id, grace_seconds=1))

    assert ended.state == "SUCCESS"
    assert not (centre.storage / "datasets" / made.id).exists()
    with pytest.raises(Problem) as missing:
        client.datasets.restore(made.id)
    assert missing.value.status == 404


def test_a_cancelled_import_leaves_nothing_and_its_upload_can_be_imported(centre, client, archive, name):
    upload_id = client.uploads.send(archive)
    made, job = client.datasets.create(name, {"upload": upload_id})
    with watching(centre.database) as watch:
        middle = watch.stop_in_the_middle(job.id)
        try:
            client.jobs.cancel(job.id)
        finally:
            os.kill(middle.held.pid, signal.SIGCONT)
        ended = client.jobs.wait(job)

    assert (ended.state, ended.error) == ("REVOKED", None)
    assert ended.progress.files_done < len(FILES)
    assert client.datasets.get(made.id).state == "FAILED"
    assert files_under(centre.storage / "datasets" / made.id) == []
    with pytest.raises(Problem) as finished:
        client.jobs.cancel(job.id)
    assert finished.value.status == 409
    _, again = client.datasets.create(f"{name}-again", {"upload": upload_id})
    assert client.jobs.wait(again).state == "SUCCESS"


def test_a_cancelled_download_leaves_no_archive(centre, client, dataset):
    archives = centre.storage / "archives"
    before = set(os.listdir(archives)) if archives.exists() else set()
    later = datetime.now(UTC) + timedelta(hours=1)
    job = client.downloads.of_dataset(dataset.id, archive="tar", options={"not_before": later.isoformat()})

    client.jobs.cancel(job.id)

    assert client.jobs.wait(job).state == "REVOKED"
    eventually(
        lambda: all(
            files_under(archives / made) == []
            for made in set(os.listdir(archives) if archives.exists() else ()) - before
        ),
        "something of the archive stays",
    )


def test_a_failed_job_is_retried_and_succeeds_once_its_cause_is_mended(centre, client, small, name):
    made, job = client.datasets.create(name, {"storage": "inbox", "key": f"{name}.zip"})
    failed = client.jobs.wait(job)
    assert (failed.state, client.datasets.get(made.id).state) == ("FAILURE", "FAILED")
    assert failed.error is not None
    assert failed.error.code == "OBJECT_MISSING"

    centre.inbox.mkdir(exist_ok=True)
    (centre.inbox / f"{name}.zip").write_bytes(small.read_bytes())
    client.jobs.retry(job.id)

    assert client.jobs.wait(job).state == "SUCCESS"
    assert client.datasets.get(made.id).state == "READY"
    with pytest.raises(Problem) as over:
        client.jobs.retry(job.id)
    assert over.value.status == 409


def test_a_job_begins_no_earlier_than_it_may(client, small, name):
    moment = datetime.now(UTC) + timedelta(seconds=1.5)

    _, job = start_import(client, small, name, not_before=moment.isoformat())

    ended = client.jobs.wait(job)
    assert ended.state == "SUCCESS"
    assert ended.started_at is not None
    assert ended.started_at >= moment


def test_a_job_begins_after_the_jobs_that_it_waits_for(client, small, name):
    moment = datetime.now(UTC) + timedelta(seconds=1)
    first = start_import(client, small, f"{name}-1", not_before=moment.isoformat())[1]
    second = start_import(client, small, f"{name}-2")[1]

    third = start_import(client, small, f"{name}-3", after=[first.id, second.id])[1]

    ended = [client.jobs.wait(job) for job in (first, second, third)]
    assert [job.state for job in ended] == ["SUCCESS"] * 3
    finished = [job.finished_at for job in ended[:2] if job.finished_at]
    assert ended[2].started_at is not None
    assert ended[2].started_at >= max(finished)
    assert set(ended[2].after) == {first.id, second.id}


def test_a_job_fails_when_a_job_that_it_waits_for_does(client, small, name):
    missing = {"storage": "inbox", "key": "never.zip"}
    later = datetime.now(UTC) + timedelta(seconds=1)
    first = client.datasets.create(f"{name}-1", missing, options={"not_before": later.isoformat()})[1]

    made, second = start_import(client, small, f"{name}-2", after=[first.id])

    ended = client.jobs.wait(second)
    assert ended.state == "FAILURE"
    assert ended.error is not None
    assert ended.error.code == "DEPENDENCY_FAILED"
    assert first.id in ended.error.message
    assert client.datasets.get(made.id).state == "FAILED"


def test_the_most_urgent_job_is_served_first(centre, client, small, name):
    """One process serves them all: two that claim at the same moment begin in either order."""
    children = centre.worker_children()
    with watching(centre.database) as watch:
        watch.stop_outside_transactions(children)
    try:
        jobs = [
            start_import(client, small, f"{name}-{priority}", priority=priority)[1]
            for priority in (0, -100, 5, 100, 50)
        ]
        os.kill(children[0], signal.SIGCONT)
        started = {job.priority: job.started_at for job in map(client.jobs.wait, jobs)}
    finally:
        for pid in children:
            os.kill(pid, signal.SIGCONT)

    assert sorted(started, key=lambda priority: started[priority]) == [100, 50, 5, 0, -100]


@pytest.fixture
def hook() -> Iterator[tuple[str, "queue.Queue[dict]"]]:
    """A webhook that refuses the first call and hears every later one."""
    heard: queue.Queue[dict] = queue.Queue()
    refused = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204 if refused.is_set() else 500)
            self.end_headers()
            if refused.is_set():
                heard.put(body)
            refused.set()

        def log_message(self, *_: object) -> None:
            """Nothing: the tests' output is theirs."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/hook", heard
        server.shutdown()


def test_a_webhook_is_told_how_a_job_ended_until_it_answers(client, small, name, hook):
    url, heard = hook
    notify = [{"url": url, "on": ["SUCCESS"]}]

    _, job = start_import(client, small, name, notify=notify)

    assert client.jobs.wait(job).state == "SUCCESS"
    told = heard.get(timeout=PATIENCE_SECONDS)
    assert told == {"job": job.id, "kind": "import", "state": "SUCCESS", "error": None}


def test_a_webhook_is_told_of_failures_only_if_it_asked(client, name, hook):
    url, heard = hook
    source = {"storage": "inbox", "key": "never.zip"}
    deaf = client.datasets.create(f"{name}-1", source, options={"notify": [{"url": url, "on": ["SUCCESS"]}]})
    told = client.datasets.create(f"{name}-2", source, options={"notify": [{"url": url, "on": ["FAILURE"]}]})

    assert [client.jobs.wait(job).state for _, job in (deaf, told)] == ["FAILURE", "FAILURE"]

    message = heard.get(timeout=PATIENCE_SECONDS)
    assert (message["job"], message["state"]) == (told[1].id, "FAILURE")
    assert message["error"]["code"] == "OBJECT_MISSING"
    assert heard.empty()
