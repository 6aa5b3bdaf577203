"""Multipart uploads: parts go directly to the storage by plain PUT; sent parts are never lost, aborted uploads never stay."""

import random
import zipfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from datacenter.access.projects import ensure_project
from datacenter.access.tokens import create_token
from datacenter.client import Client
from datacenter.database.engine import now
from datacenter.datasets.models import Upload
from datacenter.datasets.uploads import multipart, records
from datacenter.errors import NotFound
from jobs.scheduler.sweep import remove_litter, sweep_once

ADDRESS = "/api/v1/uploads/multipart"
PART = 5 << 20
FILE = random.Random(0).randbytes(2 * PART)


def zipped() -> bytes:
    with zipfile.ZipFile(file := BytesIO(), "w") as archive:
        archive.writestr("cats/a.png", FILE)
    return file.getvalue()


ARCHIVE = zipped()
"""Three parts; the last one is small."""
SMALL = b"one part"


def begin(served, data: bytes = SMALL, **fields: Any) -> dict[str, Any]:
    body = {"filename": "a.zip", "size_bytes": len(data), "part_bytes": PART, "storage": "bucket", **fields}
    answer = served.client.post(ADDRESS, json=body)
    assert answer.status_code == 201, answer.text
    upload: dict[str, Any] = answer.json()
    assert answer.headers["Location"] == f"{ADDRESS}/{upload['id']}"
    return upload


def send(served, upload: dict[str, Any], numbers: Iterable[int], data: bytes = SMALL) -> dict[int, str]:
    """The storage's response to each part, sent by a program without any key."""
    tags = {}
    for number in numbers:
        found = served.client.get(f"{ADDRESS}/{upload['id']}/parts/{number}").json()
        piece = data[found["offset"] : found["offset"] + found["size_bytes"]]
        answer = httpx.request(found["method"], found["url"], content=piece, proxy=served.proxy)
        assert answer.status_code == 200, answer.text
        tags[number] = answer.headers["ETag"]
    return tags


def sent(served, upload: dict[str, Any]) -> dict[int, str]:
    """The parts that the storage has, listed one page per part."""
    found: dict[int, str] = {}
    cursor = None
    while True:
        params = {"limit": 1, **({"cursor": cursor} if cursor else {})}
        page = served.client.get(f"{ADDRESS}/{upload['id']}/parts", params=params).json()
        assert len(page["items"]) <= 1
        found |= {part["number"]: part["etag"] for part in page["items"]}
        cursor = page["next"]
        if cursor is None:
            return found


def complete(served, upload: dict[str, Any]) -> httpx.Response:
    return served.client.post(f"{ADDRESS}/{upload['id']}/complete")


def left(served, upload: dict[str, Any]) -> list[str]:
    """The objects of an upload on the storage, finished or not."""
    storage = served.bench.resources.storages.open("bucket")
    prefix = f"uploads/{upload['id']}/"
    return [found.key for found in (*storage.list_objects(prefix), *storage.list_uploads(prefix))]


def age(served, upload: dict[str, Any]) -> None:
    with served.bench.database.transaction() as session:
        before = now(session) - timedelta(seconds=1)
        session.execute(update(Upload).where(Upload.id == upload["id"]).values(expires_at=before))


class Died(Exception):
    """The process ended here."""


def die(*_: object) -> None:
    raise Died


def test_an_archive_that_was_put_in_parts_becomes_a_dataset(served_bucket) -> None:
    upload = begin(served_bucket, ARCHIVE)
    assert (upload["parts"], upload["part_bytes"], upload["completed"]) == (3, PART, False)
    send(served_bucket, upload, (2, 3, 1), ARCHIVE)

    done = complete(served_bucket, upload)

    assert (done.status_code, done.json()) == (200, {**upload, "completed": True})
    assert served_bucket.client.get(f"{ADDRESS}/{upload['id']}").json() == done.json()
    source = {"upload": upload["id"]}
    asked = served_bucket.client.post("/api/v1/datasets", json={"name": "by-parts", "source": source})
    served_bucket.done(asked)
    files = f"/api/v1/datasets/{asked.json()['dataset']['id']}/files"
    assert served_bucket.client.get(f"{files}/cats/a.png").content == FILE


def test_who_lost_track_asks_the_storage_and_sends_the_rest(served_bucket) -> None:
    upload = begin(served_bucket, ARCHIVE)
    assert sent(served_bucket, upload) == {}
    first = send(served_bucket, upload, (1, 3), ARCHIVE)

    assert sent(served_bucket, upload) == first

    again = send(served_bucket, upload, (3, 2), ARCHIVE)
    assert again[3] == first[3]
    assert sent(served_bucket, upload) == first | again
    assert complete(served_bucket, upload).status_code == 200


def test_the_client_goes_on_with_what_another_one_began(served_bucket, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HTTP_PROXY", served_bucket.proxy)
    upload = begin(served_bucket, ARCHIVE)
    send(served_bucket, upload, (2,), ARCHIVE)
    file = tmp_path / "a.zip"
    file.write_bytes(ARCHIVE)
    token = served_bucket.client.headers["Authorization"].removeprefix("Bearer ")

    with Client(str(served_bucket.client.base_url), token) as client:
        client.uploads.resume(upload["id"], file)

    with served_bucket.bench.resources.storages.open("bucket").fs.open(
        f"uploads/{upload['id']}/archive", "rb"
    ) as kept:
        assert kept.read() == ARCHIVE


def test_parts_that_are_missing_or_too_short_are_named_and_can_still_be_sent(served_bucket) -> None:
    upload = begin(served_bucket, ARCHIVE)
    refused = complete(served_bucket, upload)
    assert (refused.status_code, refused.json()["code"]) == (409, "UPLOAD_INCOMPLETE")
    assert refused.json()["detail"].endswith("send these parts: 1-3")

    short = served_bucket.client.get(f"{ADDRESS}/{upload['id']}/parts/2").json()
    httpx.put(short["url"], content=b"short", proxy=served_bucket.proxy)  # moto takes it, RGW does not
    send(served_bucket, upload, (3,), ARCHIVE)
    assert complete(served_bucket, upload).json()["detail"].endswith("send these parts: 1-2")

    send(served_bucket, upload, (1, 2), ARCHIVE)
    assert complete(served_bucket, upload).status_code == 200


def test_completing_again_changes_nothing(served_bucket) -> None:
    upload = begin(served_bucket)
    send(served_bucket, upload, (1,))
    first = complete(served_bucket, upload)
    assert complete(served_bucket, upload).json() == first.json()
    for path in ("parts", "parts/1"):
        refused = served_bucket.client.get(f"{ADDRESS}/{upload['id']}/{path}")
        assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")


@pytest.mark.parametrize("mending", ["complete", "look"])
def test_a_server_that_died_while_it_completed_is_mended_by_the_next_request(
    served_bucket, monkeypatch, mending: str
) -> None:
    upload, bench = begin(served_bucket), served_bucket.bench
    send(served_bucket, upload, (1,))
    with monkeypatch.context() as patch:
        patch.setattr(records, "mark_complete", die)
        with pytest.raises(Died):
            multipart.complete(bench.resources, bench.project_id, upload["id"])
    assert not served_bucket.client.get(f"{ADDRESS}/{upload['id']}").json()["completed"]

    if mending == "complete":
        assert complete(served_bucket, upload).status_code == 200
    else:
        assert served_bucket.client.get(f"{ADDRESS}/{upload['id']}/parts").status_code == 409

    assert served_bucket.client.get(f"{ADDRESS}/{upload['id']}").json()["completed"]


def test_an_upload_without_a_byte_has_no_parts(served_bucket) -> None:
    upload = begin(served_bucket, b"")
    assert upload["parts"] == 0
    assert served_bucket.client.get(f"{ADDRESS}/{upload['id']}/parts/1").status_code == 404
    assert complete(served_bucket, upload).status_code == 200


@pytest.mark.parametrize("completed", [False, True])
def test_what_is_given_up_leaves_nothing_at_the_storage(served_bucket, completed: bool) -> None:
    upload = begin(served_bucket)
    send(served_bucket, upload, (1,))
    if completed:
        complete(served_bucket, upload)
    assert left(served_bucket, upload) != []

    assert served_bucket.client.delete(f"{ADDRESS}/{upload['id']}").status_code == 204

    assert served_bucket.client.get(f"{ADDRESS}/{upload['id']}").status_code == 404
    remove_litter(served_bucket.bench.resources)
    assert left(served_bucket, upload) == []


def test_what_nobody_finishes_is_swept(served_bucket) -> None:
    upload = begin(served_bucket)
    send(served_bucket, upload, (1,))
    age(served_bucket, upload)
    assert served_bucket.client.get(f"{ADDRESS}/{upload['id']}/parts/1").status_code == 410
    assert complete(served_bucket, upload).status_code == 410

    for _ in range(2):
        sweep_once(served_bucket.bench.resources)
        remove_litter(served_bucket.bench.resources)

    assert left(served_bucket, upload) == []
    assert served_bucket.client.get(f"{ADDRESS}/{upload['id']}").status_code == 404


def test_what_the_storage_has_given_up_is_gone(served_bucket) -> None:
    upload = begin(served_bucket)
    send(served_bucket, upload, (1,))
    storage = served_bucket.bench.resources.storages.open("bucket")
    for pending in storage.list_uploads(f"uploads/{upload['id']}/"):
        storage.abort_upload(pending.key, pending.upload_id)
    for answer in (
        complete(served_bucket, upload),
        served_bucket.client.get(f"{ADDRESS}/{upload['id']}/parts"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (410, "GONE")


def test_a_link_that_is_asked_for_while_the_upload_is_removed_leaves_nothing(
    served_bucket, monkeypatch
) -> None:
    upload, bench = begin(served_bucket), served_bucket.bench
    remember = records._record_upload_id

    def after_removal(session, upload_id: str, storage_upload_id: str) -> Upload:
        multipart.remove(session, bench.project_id, upload_id)
        return remember(session, upload_id, storage_upload_id)

    monkeypatch.setattr(records, "_record_upload_id", after_removal)
    with pytest.raises(NotFound):
        multipart.link(bench.resources, bench.project_id, upload["id"], 1)
    assert left(served_bucket, upload) == []


def test_a_link_names_its_part_and_ends_within_the_hour_and_with_the_upload(served_bucket) -> None:
    upload = begin(served_bucket, ARCHIVE)
    found = served_bucket.client.get(f"{ADDRESS}/{upload['id']}/parts/3").json()
    assert (found["number"], found["offset"], found["size_bytes"]) == (3, 2 * PART, len(ARCHIVE) - 2 * PART)
    begun = datetime.fromisoformat(upload["created_at"])
    lasts = datetime.fromisoformat(found["expires_at"]) - begun
    assert timedelta(hours=1) <= lasts < timedelta(hours=1, minutes=10)
    assert "X-Amz-Expires=3600" in found["url"]

    soon = begun + timedelta(minutes=30)
    with served_bucket.bench.database.transaction() as session:
        session.execute(update(Upload).where(Upload.id == upload["id"]).values(expires_at=soon))
    found = served_bucket.client.get(f"{ADDRESS}/{upload['id']}/parts/1").json()
    assert datetime.fromisoformat(found["expires_at"]) == soon

    for number, status in ((0, 404), (4, 404), ("x", 422)):
        assert served_bucket.client.get(f"{ADDRESS}/{upload['id']}/parts/{number}").status_code == status


def test_an_upload_that_is_not_complete_is_not_imported(served_bucket) -> None:
    upload = begin(served_bucket)
    send(served_bucket, upload, (1,))
    body = {"name": "too-early", "source": {"upload": upload["id"]}}
    refused = served_bucket.client.post("/api/v1/datasets", json=body)
    assert refused.status_code == 409
    assert "it was not completed by a request" in refused.json()["detail"]


def test_an_upload_that_is_imported_stays(served_bucket) -> None:
    upload = begin(served_bucket)
    send(served_bucket, upload, (1,))
    complete(served_bucket, upload)
    body = {"name": "being-read", "source": {"upload": upload["id"]}}
    assert served_bucket.client.post("/api/v1/datasets", json=body).status_code == 202
    assert served_bucket.client.delete(f"{ADDRESS}/{upload['id']}").status_code == 409


def test_where_the_storage_signs_no_links_tus_is_named(served_bucket) -> None:
    refused = served_bucket.client.post(ADDRESS, json={"filename": "a.zip", "size_bytes": 10})
    assert (refused.status_code, refused.json()["code"]) == (422, "NOT_SUPPORTED")
    assert "upload by tus, POST /api/v1/uploads" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("fields", "status", "names"),
    [
        ({"size_bytes": (1 << 40) + 1}, 413, "size_bytes"),
        ({"size_bytes": -1}, 422, "size_bytes"),
        ({"size_bytes": None}, 422, "size_bytes"),
        ({"part_bytes": PART - 1}, 422, "part_bytes"),
        ({"part_bytes": (5 << 30) + 1}, 422, "part_bytes"),
        ({"size_bytes": 10_000 * PART + 1}, 422, "part_bytes"),
        ({"storage": "nowhere"}, 422, "storage"),
        ({"filename": "x" * 256}, 422, "filename"),
        ({"parts": []}, 422, "parts"),
    ],
)
def test_what_cannot_be_is_refused_by_name(served_bucket, fields, status: int, names: str) -> None:
    body = {"filename": "a.zip", "size_bytes": 10, "part_bytes": PART, "storage": "bucket", **fields}
    refused = served_bucket.client.post(ADDRESS, json=body)
    assert refused.status_code == status
    assert names in refused.json()["detail"]


def test_another_projects_upload_and_one_by_tus_are_not_there(served_bucket) -> None:
    bench, client = served_bucket.bench, served_bucket.client
    mine, by_tus = begin(served_bucket)["id"], bench.upload(b"PK")
    with bench.database.transaction() as session:
        _, token = create_token(session, ensure_project(session, "other").id, "test")
    others = {"Authorization": f"Bearer {token}"}
    calls = [("GET", ""), ("GET", "/parts"), ("GET", "/parts/1"), ("POST", "/complete"), ("DELETE", "")]

    for method, path in calls:
        unknown = client.request(method, f"{ADDRESS}/none{path}")
        foreign = client.request(method, f"{ADDRESS}/{mine}{path}", headers=others)
        other_kind = client.request(method, f"{ADDRESS}/{by_tus}{path}")
        for answer, name in ((foreign, mine), (other_kind, by_tus)):
            assert answer.status_code == unknown.status_code == 404
            assert answer.json() == {**unknown.json(), "detail": f"there is no upload {name}"}
    for method in ("HEAD", "DELETE"):
        tus = client.request(method, f"/api/v1/uploads/{mine}", headers={"Tus-Resumable": "1.0.0"})
        assert tus.status_code == 404
    assert httpx.get(f"{client.base_url}{ADDRESS}/{mine}").status_code == 401


def test_the_same_request_with_the_same_key_is_done_once_unless_it_was_refused(served_bucket) -> None:
    body = {"size_bytes": len(SMALL), "storage": "bucket"}
    key = {"Idempotency-Key": "one-upload"}
    first, second = (served_bucket.client.post(ADDRESS, json=body, headers=key) for _ in range(2))
    assert first.json() == second.json()

    address, key = f"{first.headers['Location']}/complete", {"Idempotency-Key": "one-completion"}
    assert served_bucket.client.post(address, headers=key).status_code == 409
    send(served_bucket, first.json(), (1,))
    done, again = (served_bucket.client.post(address, headers=key) for _ in range(2))
    assert (done.status_code, done.json()) == (again.status_code, again.json())
    assert done.json()["completed"]


def test_tus_is_not_spoken_here_and_a_body_has_its_limit(web) -> None:
    too_long = web.client.post(ADDRESS, json={"filename": "x" * 20_000, "size_bytes": 1})
    assert too_long.status_code == 413
    assert "Tus-Resumable" not in too_long.headers
    override = {"X-HTTP-Method-Override": "DELETE"}
    assert web.client.post(f"{ADDRESS}/none/complete", headers=override).status_code == 404
    assert "Tus-Resumable" in web.client.head("/api/v1/uploads/none").headers
