"""Links of downloads: what they serve, that they cannot be altered, and that they end."""

import os
import subprocess
from urllib.parse import quote

import httpx
import pytest
from support.jobs.rest_jobs import archive_of, eventually, files_under, link_of, start_import

from datacenter.client import Dataset, Job, Problem

pytestmark = pytest.mark.real

FILES = {f"{number % 2}/图-{number}.bin": bytes([number % 251]) * 500 for number in range(600)}
SETTINGS = {"DATACENTER__LIFETIMES__ARCHIVE_SECONDS": "1"}
"""An archive lives as long as the last link to it."""
BYTES_BEFORE_THE_BREAK = 7_000


@pytest.fixture(scope="module")
def centre(start_centre):
    with start_centre(SETTINGS) as started:
        yield started


@pytest.fixture(scope="module")
def dataset(centre, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """A dataset that no test changes."""
    archive = archive_of(FILES, tmp_path_factory.mktemp("archive") / "文件.zip")
    made, job = start_import(centre.client, archive, "样本")
    assert centre.client.jobs.wait(job).state == "SUCCESS"
    return centre.client.datasets.get(made.id)


@pytest.fixture(scope="module", params=["archive", "stream"])
def link(centre, dataset, request) -> str:
    return link_of(centre.client, centre.client.downloads.of_dataset(dataset.id, delivery=request.param))


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


def test_curl_goes_on_with_a_broken_transfer(link, whole, tmp_path):
    part = tmp_path / "part.zip"
    part.write_bytes(whole[:BYTES_BEFORE_THE_BREAK])

    subprocess.run(["curl", "-sS", "--fail", "-C", "-", "-o", str(part), link], check=True)

    assert part.read_bytes() == whole


def test_an_altered_link_is_refused(link):
    address, token, name = link.rsplit("/", 2)
    content, _, signature = token.partition(".")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]

    for altered in (f"{content}.{flipped}", f"{content[:-2]}.{signature}", content, "x.y"):
        answer = httpx.get(f"{address}/{altered}/{name}")
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
