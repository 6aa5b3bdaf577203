"""Bytes over HTTP: files, manifests, archives by link; whole, in ranges, and with correct ETags."""

import io
import json
import zipfile
from urllib.parse import quote

import httpx
import pyarrow.parquet as pq
import pytest

from datacenter.datasets import files
from datacenter.datasets.archives import downloads
from datacenter.datasets.models import Download

PNG = b"\x89PNG" + bytes(range(256)) * 3
FILES = {
    "0/a.png": PNG,
    "0/b.png": b"\x89PNG b",
    "1/数字 %2F#?.png": b"\x89PNG c",
    "1/page.html": b"<script>alert(1)</script>",
    "1/drawing.svg": b"<svg><script>alert(1)</script></svg>",
    "1/empty.txt": b"",
}


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def dataset(served) -> str:
    """The address of a dataset of FILES, labelled by their folders."""
    made = served.bench.imported(_zip(FILES), name="数字", label_format="folders")
    return f"/api/v1/datasets/{made.id}"


def _link(served, response: httpx.Response) -> str:
    return served.done(response)["result"]["download"]["url"]


def test_a_listing_gives_annotations_as_they_came(served) -> None:
    labels = {"path": "a", "label": "x", "box": [1.5, None, {"名": '\n\u2028"\\'}], "big": 2**63}
    made = served.bench.imported(_zip({"a": b"1", "b": b"2", "labels.jsonl": json.dumps(labels).encode()}))
    items = served.client.get(f"/api/v1/datasets/{made.id}/files").json()["items"]
    assert {item["path"]: item["annotation"] for item in items} == {
        "a": {"box": labels["box"], "big": labels["big"]},
        "b": None,
    }


def test_a_listing_names_every_file_once_however_small_its_pages(served, dataset) -> None:
    seen, cursor = [], None
    while True:
        params = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = served.client.get(f"{dataset}/files", params=params).json()
        seen += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert [file["path"] for file in seen] == sorted(FILES)
    assert [file["size_bytes"] for file in seen] == [len(FILES[path]) for path in sorted(FILES)]
    labelled = served.client.get(f"{dataset}/files", params={"label": "0", "prefix": "0/"}).json()
    assert [file["labels"] for file in labelled["items"]] == [["0"], ["0"]]


@pytest.mark.parametrize("path", sorted(FILES))
def test_a_file_comes_back_byte_for_byte(served, dataset, path: str) -> None:
    response = served.client.get(f"{dataset}/files/{quote(path)}")
    assert response.status_code == 200
    assert response.content == FILES[path]
    assert response.headers["Content-Length"] == str(len(FILES[path]))
    assert response.headers["Content-Security-Policy"] == "sandbox"


def test_only_what_a_browser_cannot_run_is_shown(served, dataset) -> None:
    shown = served.client.get(f"{dataset}/files/0/a.png")
    assert shown.headers["Content-Type"] == "image/png"
    assert "Content-Disposition" not in shown.headers
    for path in ("1/page.html", "1/drawing.svg"):
        saved = served.client.get(f"{dataset}/files/{path}")
        assert saved.headers["Content-Type"] == "application/octet-stream"
        assert saved.headers["Content-Disposition"].startswith("attachment;")


def test_a_file_is_served_in_ranges(served, dataset) -> None:
    url = f"{dataset}/files/0/a.png"
    part = served.client.get(url, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, PNG[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(PNG)}"
    beyond = served.client.get(url, headers={"Range": f"bytes={len(PNG)}-"})
    assert beyond.status_code == 416
    assert beyond.headers["Content-Range"] == f"bytes */{len(PNG)}"
    assert beyond.json()["code"] == "RANGE_NOT_SATISFIABLE"
    several = served.client.get(url, headers={"Range": "bytes=0-1,4-5"})
    assert (several.status_code, several.content) == (200, PNG)


def test_a_file_that_the_client_has_is_not_sent_again(served, dataset) -> None:
    url = f"{dataset}/files/0/a.png"
    etag = served.client.get(url).headers["ETag"]
    again = served.client.get(url, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    head = served.client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(PNG))


@pytest.mark.parametrize("path", ["nothing.png", "0/", "..%2F..%2Fetc/passwd", "0/a.png/"])
def test_a_path_that_the_manifest_does_not_name_is_not_found(served, dataset, path: str) -> None:
    assert served.client.get(f"{dataset}/files/{path}").status_code == 404


def test_a_file_is_looked_up_in_the_manifest_once(served, dataset, monkeypatch) -> None:
    opened = []
    open_rows = files.open_rows
    monkeypatch.setattr(files, "open_rows", lambda *given: opened.append(given) or open_rows(*given))
    assert served.client.get(f"{dataset}/files/0/a.png").content == PNG
    assert len(opened) == 1


def test_the_manifest_is_a_parquet_file_of_every_file(served, dataset) -> None:
    whole = served.client.get(f"{dataset}/manifest")
    assert whole.headers["Content-Disposition"].endswith("%E6%95%B0%E5%AD%97-v1.parquet")
    assert pq.read_table(io.BytesIO(whole.content))["path"].to_pylist() == sorted(FILES)
    part = served.client.get(f"{dataset}/manifest", headers={"Range": "bytes=-8"})
    assert (part.status_code, part.content) == (206, whole.content[-8:])
    assert served.client.get(f"{dataset}/manifest", params={"version": 99}).status_code == 404


def test_labelling_makes_a_version_and_a_replay_does_not(served) -> None:
    made = served.bench.imported(_zip({"a.txt": b"1", "b.txt": b"2"}))
    url = f"/api/v1/datasets/{made.id}"
    body = {"select": {"paths": ["a.txt"]}, "add": ["fresh"]}
    first, again = (
        served.client.post(f"{url}/labels", json=body, headers={"Idempotency-Key": "label"}) for _ in range(2)
    )
    assert first.status_code == again.status_code == 200, first.text
    assert first.json() == again.json()
    assert first.json()["version"] == 2
    assert served.client.get(url).json()["labels"] == {"fresh": 1}
    versions = served.client.get(f"{url}/versions", params={"limit": 1}).json()
    assert [version["version"] for version in versions["items"]] == [2]
    rest = served.client.get(f"{url}/versions", params={"limit": 1, "cursor": versions["next"]}).json()
    assert ([version["version"] for version in rest["items"]], rest["next"]) == ([1], None)
    old = served.client.get(f"{url}/files", params={"version": 1}).json()["items"]
    assert [file["labels"] for file in old] == [[], []]


def test_labelling_no_file_is_answered_with_the_newest_version_and_replayed(served) -> None:
    made = served.bench.imported(_zip({"a.txt": b"1"}))
    url = f"/api/v1/datasets/{made.id}/labels"
    body = {"select": {"prefix": "nowhere/"}, "add": ["fresh"]}

    first, again = (
        served.client.post(url, json=body, headers={"Idempotency-Key": "label-none"}) for _ in range(2)
    )

    assert first.status_code == again.status_code == 200, first.text
    assert first.json() == again.json()
    assert first.json()["version"] == 1


def test_a_key_of_a_label_change_that_failed_is_free(served) -> None:
    headers = {"Idempotency-Key": "label-fails"}
    body = {"select": {"paths": ["a.txt"]}, "add": ["x"]}
    for _ in range(2):
        response = served.client.post("/api/v1/datasets/unknown/labels", json=body, headers=headers)
        assert response.status_code == 404


def test_an_export_is_previewed_built_listed_and_fetched(served, dataset) -> None:
    body = {"datasets": [{"id": dataset.rsplit("/", 1)[-1]}], "labels": {"any": ["0"]}}
    preview = served.client.post("/api/v1/exports/preview", json=body).json()
    assert preview == {"files": 2, "size_bytes": len(PNG) + 6, "labels": {"0": 2}, "rows": None}
    accepted = served.client.post("/api/v1/exports", json=body)
    served.done(accepted)
    export = served.client.get(f"/api/v1/exports/{accepted.json()['export']['id']}").json()
    assert (export["state"], export["files"]) == ("READY", 2)
    assert served.client.get("/api/v1/exports").json()["items"] == [export]
    url = _link(served, served.client.post(f"/api/v1/exports/{export['id']}/downloads", json={}))
    with zipfile.ZipFile(io.BytesIO(httpx.get(url).content)) as archive:
        assert archive.read("0/a.png") == PNG
        assert "1/page.html" not in archive.namelist()


@pytest.mark.parametrize("delivery", ["archive", "stream"])
def test_a_link_serves_its_archive_whole_and_in_ranges_without_a_token(
    served, dataset, delivery: str
) -> None:
    url = _link(served, served.client.post(f"{dataset}/downloads", json={"delivery": delivery}))
    whole = httpx.get(url)
    assert whole.status_code == 200
    assert int(whole.headers["Content-Length"]) == len(whole.content)
    assert whole.headers["Cache-Control"] == "no-store"
    assert "filename*=UTF-8''%E6%95%B0%E5%AD%97" in whole.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        assert archive.testzip() is None
        assert archive.read("1/page.html") == FILES["1/page.html"]
    etag = whole.headers["ETag"]
    rest = httpx.get(url, headers={"Range": "bytes=100-", "If-Range": etag})
    assert (rest.status_code, rest.content) == (206, whole.content[100:])
    changed = httpx.get(url, headers={"Range": "bytes=100-", "If-Range": '"another"'})
    assert (changed.status_code, changed.content) == (200, whole.content)
    head = httpx.head(url)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(whole.content)))
    assert head.headers["ETag"] == etag


def test_a_download_gives_a_fresh_link_until_it_expires(served, dataset) -> None:
    job = served.done(served.client.post(f"{dataset}/downloads", json={"delivery": "stream"}))
    shown = job["result"]["download"]
    assert set(shown) == {"id", "url", "filename", "size_bytes", "expires_at", "delivery"}
    assert served.client.get(f"/api/v1/downloads/{shown['id']}").json()["id"] == shown["id"]
    with served.bench.database.transaction() as session:
        row = session.get_one(Download, shown["id"])
        row.expires_at = row.created_at
    assert served.client.get(f"/api/v1/downloads/{shown['id']}").status_code == 410
    assert httpx.get(shown["url"]).status_code == 410
    expired = served.client.get(f"/api/v1/jobs/{job['id']}").json()["result"]["download"]
    assert expired == {"id": shown["id"], "url": None}


def test_an_altered_link_is_refused(served, dataset) -> None:
    url = _link(served, served.client.post(f"{dataset}/downloads", json={"delivery": "stream"}))
    begin, _, name = url.rpartition("/")
    for altered in (
        begin[:-1] + ("A" if begin[-1] != "A" else "B"),
        begin + "x",
        begin.rsplit("/", 1)[0] + "/%00",
    ):
        response = httpx.get(f"{altered}/{name}")
        assert (response.status_code, response.json()["code"]) == (403, "LINK_INVALID")


def test_what_fails_before_the_first_byte_is_a_problem_and_not_half_an_archive(
    served, dataset, monkeypatch
) -> None:
    url = _link(served, served.client.post(f"{dataset}/downloads", json={"delivery": "archive"}))
    from storage_adapters.errors import StorageUnavailable

    def unavailable(*_: object):
        raise StorageUnavailable("the canary host does not answer")
        yield b""

    monkeypatch.setattr(downloads, "read", unavailable)
    response = httpx.get(url)
    assert (response.status_code, response.json()["code"]) == (503, "STORAGE_UNAVAILABLE")
    assert "canary" not in response.text
    assert "Retry-After" in response.headers


def test_what_fails_later_breaks_the_connection(served, dataset, monkeypatch) -> None:
    url = _link(served, served.client.post(f"{dataset}/downloads", json={"delivery": "archive"}))

    def breaks(*_: object):
        yield b"PK"
        raise OSError

    monkeypatch.setattr(downloads, "read", breaks)
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(url)


def test_a_client_that_leaves_in_the_middle_releases_what_is_read(served, dataset, monkeypatch) -> None:
    url = _link(served, served.client.post(f"{dataset}/downloads", json={"delivery": "archive"}))
    closed = []

    def endless(*_: object):
        try:
            while True:
                yield bytes(1 << 16)
        finally:
            closed.append(True)

    monkeypatch.setattr(downloads, "read", endless)
    monkeypatch.setattr("datacenter.web.links.Representation", _huge)
    with httpx.stream("GET", url) as response:
        next(response.iter_raw())
    for _ in range(200):
        if closed:
            break
        served.client.get("/healthz")
    assert closed


def _huge(**members):
    from datacenter.web.streams import Representation

    return Representation(**{**members, "size_bytes": 1 << 40})


def test_a_job_of_a_refused_archive_tells_why(served) -> None:
    upload = served.bench.upload(b"this is no archive")
    accepted = served.client.post("/api/v1/datasets", json={"name": "bad", "source": {"upload": upload}})
    served.bench.work()
    job = served.client.get(accepted.headers["Location"]).json()
    assert job["state"] == "FAILURE"
    assert set(job["error"]) == {"code", "message", "entry", "retryable"}
    assert job["error"]["retryable"] is False
