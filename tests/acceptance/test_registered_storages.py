"""A source is registered by request while everything runs: checked, browsed, imported from, removed again."""

import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.real

ROUNDS = 5
FILES = {f"{number % 2}/{number}.png": bytes([number]) * 1000 for number in range(6)}


@pytest.fixture
def http(centre):
    headers = {"Authorization": f"Bearer {centre.token}"}
    with httpx.Client(base_url=f"{centre.url}/api/v1", headers=headers, timeout=60) as client:
        yield client


def test_a_directory_becomes_a_source_and_an_archive_in_it_a_dataset(centre, http, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    with zipfile.ZipFile(source / "deep" / "数字.zip", "w") as archive:
        for name, data in FILES.items():
            archive.writestr(name, data)

    body = {"name": "scans", "kind": "nas", "url": f"nas://{source}", "role": "source"}
    made = http.post("/storages", json=body)
    assert made.status_code == 201, made.text
    check = http.post("/storages/scans/check").json()
    assert (check["ok"], check["detail"].endswith("can be listed and read.")) == (True, True), check
    (top,) = http.get("/storages/scans/browse").json()["items"]
    assert (top["kind"], top["key"]) == ("prefix", "deep/")
    (found,) = http.get("/storages/scans/browse", params={"prefix": top["key"]}).json()["items"]
    assert (found["kind"], found["key"]) == ("object", "deep/数字.zip")

    # The worker is another process, which has never heard of this storage.
    place = {"storage": "scans", "key": found["key"]}
    dataset, job = centre.client.datasets.create("from-scans", place, label_format="folders")
    ended = centre.client.jobs.wait(job.id)
    assert ended.succeeded, ended.error
    assert centre.client.datasets.get(dataset.id).labels == {"0": 3, "1": 3}

    assert http.delete("/storages/scans").status_code == 204
    assert http.get("/storages/scans").status_code == 404
    assert sorted(path.name for path in source.rglob("*") if path.is_file()) == ["数字.zip"]
    assert centre.client.jobs.wait(centre.client.datasets.delete(dataset.id).id).succeeded


def test_a_storage_that_datasets_lie_on_stays(centre, http, tmp_path: Path) -> None:
    place = tmp_path / "archive.zip"
    with zipfile.ZipFile(place, "w") as archive:
        archive.writestr("a.txt", b"a")
    platform = f"nas://{centre.home}/second"
    body = {"name": "second", "kind": "nas", "url": platform, "role": "platform"}
    assert http.post("/storages", json=body).status_code == 201
    upload = {"upload": centre.client.uploads.send(place)}
    dataset, job = centre.client.datasets.create("on-second", upload, storage="second")
    assert centre.client.jobs.wait(job.id).succeeded
    assert list((centre.home / "second" / "datasets" / dataset.id).rglob("*"))

    refused = http.delete("/storages/second")
    assert (refused.status_code, refused.json()["code"]) == (409, "STORAGE_IN_USE")
    moved = http.patch("/storages/second", json={"url": f"nas://{tmp_path}/third"})
    assert (moved.status_code, moved.json()["code"]) == (409, "STORAGE_IN_USE")

    assert centre.client.jobs.wait(centre.client.datasets.delete(dataset.id).id).succeeded
    end = time.monotonic() + 30
    while (removed := http.delete("/storages/second")).status_code != 204:
        assert "sweep" in removed.json()["detail"]
        assert time.monotonic() < end
        time.sleep(0.2)


def test_of_a_source_and_a_platform_within_it_that_are_registered_at_once_one_is_refused(
    http, tmp_path: Path
) -> None:
    def add(storage: tuple[str, str, Path]) -> int:
        name, role, place = storage
        return http.post(
            "/storages", json={"name": name, "kind": "nas", "url": str(place), "role": role}
        ).status_code

    for number in range(ROUNDS):
        outer = tmp_path / str(number)
        pair = [(f"outer-{number}", "source", outer), (f"inner-{number}", "platform", outer / "inner")]
        with ThreadPoolExecutor(2) as threads:
            assert sorted(threads.map(add, pair)) == [201, 422]
        for name, _, _ in pair:
            http.delete(f"/storages/{name}")
