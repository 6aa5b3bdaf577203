"""The life of a dataset over plain HTTP, as a program in any language would do it, against real processes."""

import io
import json
import os
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import httpx
import pytest
from tusclient import client as tus_client

FILES = {f"{number % 2}/数字-{number}.png": bytes([number]) * (1000 + number) for number in range(20)}
UNFINISHED = 2 << 20


@pytest.fixture
def http(centre):
    headers = {"Authorization": f"Bearer {centre.token}"}
    with httpx.Client(base_url=f"{centre.url}/api/v1", headers=headers, timeout=60) as client:
        yield client


def _archive(path: Path, files: dict[str, bytes] = FILES) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def _tus(centre) -> tus_client.TusClient:
    return tus_client.TusClient(f"{centre.url}/api/v1/uploads", {"Authorization": f"Bearer {centre.token}"})


def _upload(centre, path: Path) -> str:
    with path.open("rb") as file:
        uploader = _tus(centre).uploader(file_stream=file, metadata={"filename": path.name})
        uploader.upload()
    return uploader.url.rsplit("/", 1)[-1]


def _finished(http: httpx.Client, accepted: httpx.Response) -> dict:
    """The job from its last event."""
    assert accepted.status_code == 202, accepted.text
    last: dict = {}
    location = httpx.URL(accepted.headers["Location"])
    with http.stream("GET", http.base_url.join(f"{location}/events")) as events:
        for line in events.iter_lines():
            if line.startswith("data: "):
                last = json.loads(line.removeprefix("data: "))
    assert last["state"] == "SUCCESS", last
    return last


def test_a_dataset_is_uploaded_imported_exported_fetched_and_deleted(centre, http, tmp_path) -> None:
    source = {"upload": _upload(centre, _archive(tmp_path / "life.zip"))}
    accepted = http.post("/datasets", json={"name": "rest-life", "source": source, "label_format": "folders"})
    job = _finished(http, accepted)
    assert job["progress"]["files_done"] == job["progress"]["files_total"] == len(FILES)
    dataset = http.get(f"/datasets/{accepted.json()['dataset']['id']}").json()
    assert (dataset["state"], dataset["labels"]) == ("READY", {"0": 10, "1": 10})

    body = {"datasets": [{"id": dataset["id"]}], "labels": {"any": ["1"]}}
    made = http.post("/exports", json=body)
    _finished(http, made)
    fetched = _finished(http, http.post(f"/exports/{made.json()['export']['id']}/downloads", json={}))
    with zipfile.ZipFile(io.BytesIO(httpx.get(fetched["result"]["download"]["url"]).content)) as archive:
        held = {name: archive.read(name) for name in archive.namelist() if name in FILES}
    assert held == {name: data for name, data in FILES.items() if name.startswith("1/")}

    _finished(http, http.delete(f"/datasets/{dataset['id']}"))
    assert http.get(f"/datasets/{dataset['id']}").status_code == 404
    assert not list((centre.storage / "datasets").rglob(f"*{dataset['id']}*/**/*.png"))


def test_what_lies_on_a_storage_is_imported_from_its_prefix(centre, http) -> None:
    for name, data in FILES.items():
        path = centre.inbox / "rest life" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    source = {"storage": "inbox", "prefix": "rest life/"}

    accepted = http.post("/datasets", json={"name": "rest-prefix", "source": source})

    job = _finished(http, accepted)
    assert job["progress"]["files_done"] == job["progress"]["files_total"] == len(FILES)
    assert job["progress"]["bytes_done"] == sum(map(len, FILES.values()))
    dataset = f"/datasets/{accepted.json()['dataset']['id']}"
    assert http.get(dataset).json()["labels"] == {"0": 10, "1": 10}
    assert [item["path"] for item in http.get(f"{dataset}/files").json()["items"]] == sorted(FILES)
    for name, data in FILES.items():
        assert http.get(f"{dataset}/files/{name}").content == data
    _finished(http, http.delete(dataset))
    assert {path.name for path in (centre.inbox / "rest life").rglob("*.png")} == {
        Path(name).name for name in FILES
    }, "the source is as it was"


@pytest.mark.real
def test_a_broken_transfer_is_resumed_by_curl(centre, http, tmp_path) -> None:
    source = {"upload": _upload(centre, _archive(tmp_path / "curl.zip"))}
    accepted = http.post("/datasets", json={"name": "rest-curl", "source": source})
    _finished(http, accepted)
    dataset_id = accepted.json()["dataset"]["id"]
    job = _finished(http, http.post(f"/datasets/{dataset_id}/downloads", json={"delivery": "stream"}))
    url = job["result"]["download"]["url"]
    whole = httpx.get(url).content
    part = tmp_path / "part.zip"
    part.write_bytes(whole[:7000])
    subprocess.run(["curl", "-sS", "--fail", "-C", "-", "-o", str(part), url], check=True)
    assert part.read_bytes() == whole
    _finished(http, http.delete(f"/datasets/{dataset_id}"))


def test_an_upload_survives_the_death_of_the_web_process(own_centre) -> None:
    data = os.urandom(UNFINISHED)
    file = io.BytesIO(data)
    uploader = _tus(own_centre).uploader(file_stream=file, chunk_size=UNFINISHED // 4)
    uploader.upload_chunk()
    before = own_centre.pid("web")

    os.kill(before, signal.SIGKILL)
    _until_ready(own_centre, before)

    again = _tus(own_centre).uploader(file_stream=file, chunk_size=UNFINISHED // 4, url=uploader.url)
    assert again.offset == UNFINISHED // 4
    again.upload()
    upload_id = uploader.url.rsplit("/", 1)[-1]
    assert (own_centre.storage / "uploads" / upload_id / "archive").read_bytes() == data


def _until_ready(centre, before: int) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if centre.pid("web") != before and httpx.get(f"{centre.url}/readyz").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    pytest.fail("the web process did not come back")
