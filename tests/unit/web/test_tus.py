"""Uploads by the tus protocol: with plain requests, and with a client that is not ours."""

import base64
import io
import socket
import time

import httpx
import pytest
from sqlalchemy import func, select
from tusclient import client as tus_client

from datacenter.datasets.models import Upload
from jobs.scheduler.sweep import remove_litter

TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}
MIB = 1 << 20


def _begin(web, size: int, **headers: str) -> str:
    response = web.client.post("/api/v1/uploads", headers={**TUS, "Upload-Length": str(size), **headers})
    assert response.status_code == 201, response.text
    return response.headers["Location"]


def _patch(web, location: str, offset: int, data: bytes):
    return web.client.patch(location, headers={**OCTETS, "Upload-Offset": str(offset)}, content=data)


def _offset(web, location: str) -> int:
    response = web.client.head(location, headers=TUS)
    assert response.status_code == 200
    return int(response.headers["Upload-Offset"])


def _stored(web, location: str) -> bytes:
    with web.resources.database.reading() as session:
        upload = session.get(Upload, location.rsplit("/", 1)[-1])
    assert upload is not None
    assert upload.completed
    with web.resources.storages.open(upload.storage).fs.open(upload.key, "rb") as file:
        return file.read()


def test_options_tells_what_the_server_can_do(web) -> None:
    response = web.client.options("/api/v1/uploads")
    assert response.status_code == 204
    assert response.headers["Tus-Version"] == "1.0.0"
    assert response.headers["Tus-Max-Size"] == str(64 * MIB)
    assert response.headers["Tus-Extension"] == "creation,creation-with-upload,termination,expiration"


def test_options_of_one_upload_tells_the_same(web) -> None:
    response = web.client.options("/api/v1/uploads/1")
    assert (response.status_code, response.headers["Tus-Version"]) == (204, "1.0.0")


def test_every_refusal_tells_the_version_too(web) -> None:
    location = _begin(web, 3)
    refusals = [
        (401, httpx.patch(web.url + location)),
        (404, web.client.head("/api/v1/uploads/unknown", headers=TUS)),
        (405, web.client.put(location)),
        (409, _patch(web, location, 1, b"x")),
        (412, web.client.head(location)),
        (413, _patch(web, location, 0, b"abcd")),
        (415, web.client.patch(location, headers={**TUS, "Upload-Offset": "0"}, content=b"abc")),
        (422, web.client.post("/api/v1/uploads", headers=TUS)),
    ]
    for status, response in refusals:
        assert (response.status_code, response.headers["Tus-Resumable"]) == (status, "1.0.0")
    assert "Tus-Resumable" not in web.client.get("/api/v1/datasets").headers


def test_an_upload_arrives_in_pieces_of_any_size(web) -> None:
    data = bytes(range(256)) * 4096
    location = _begin(web, len(data))
    for start, stop in ((0, 1), (1, 100_000), (100_000, len(data))):
        response = _patch(web, location, start, data[start:stop])
        assert response.status_code == 204
        assert response.headers["Upload-Offset"] == str(stop)
        assert _offset(web, location) == stop
    assert _stored(web, location) == data


def test_an_upload_of_several_buffers_in_one_request_is_whole(web) -> None:
    data = b"".join(bytes([n % 251]) * 1021 for n in range(20_000))
    location = _begin(web, len(data))
    assert _patch(web, location, 0, data).status_code == 204
    assert _stored(web, location) == data
    with web.resources.database.reading() as session:
        # Where parts are written in place the row does not grow with the upload.
        assert len(session.get(Upload, location.rsplit("/", 1)[-1]).parts) == 1


def test_the_first_bytes_may_come_with_the_creation(web) -> None:
    headers = {**OCTETS, "Upload-Length": "10"}
    response = web.client.post("/api/v1/uploads", headers=headers, content=b"01234")
    assert response.status_code == 201
    assert response.headers["Upload-Offset"] == "5"
    assert "Upload-Expires" in response.headers
    assert _patch(web, response.headers["Location"], 5, b"56789").status_code == 204
    assert _stored(web, response.headers["Location"]) == b"0123456789"


def test_first_bytes_that_are_too_many_begin_nothing(web) -> None:
    def uploads() -> int:
        with web.resources.database.reading() as session:
            return session.scalar(select(func.count()).select_from(Upload))

    before = uploads()
    headers = {**OCTETS, "Upload-Length": "3"}
    for content in (
        b"abcd",
        iter([b"ab", b"cd"]),
    ):  # the second is sent in chunks, its length is not announced
        assert web.client.post("/api/v1/uploads", headers=headers, content=content).status_code == 413
    assert uploads() == before


def test_an_upload_of_nothing_is_complete_at_once(web) -> None:
    assert _stored(web, _begin(web, 0)) == b""


def test_a_wrong_offset_is_a_conflict_and_changes_nothing(web) -> None:
    location = _begin(web, 10)
    _patch(web, location, 0, b"abc")
    for offset in (0, 2, 4, 10, 99):
        response = _patch(web, location, offset, b"xyz")
        assert response.status_code == 409
        assert response.json()["code"] == "CONFLICT"
    assert _offset(web, location) == 3


def test_more_bytes_than_announced_are_refused(web) -> None:
    location = _begin(web, 3)
    assert _patch(web, location, 0, b"abcd").status_code == 413
    assert _offset(web, location) == 0


def test_an_upload_over_the_limit_is_refused(web) -> None:
    response = web.client.post("/api/v1/uploads", headers={**TUS, "Upload-Length": str(64 * MIB + 1)})
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("headers", "status", "field"),
    [
        ({"Upload-Length": "1"}, 412, "Tus-Resumable"),
        ({"Tus-Resumable": "0.2.2", "Upload-Length": "1"}, 412, "Tus-Resumable"),
        (TUS, 422, "Upload-Length"),
        ({**TUS, "Upload-Length": "-1"}, 422, "Upload-Length"),
        ({**TUS, "Upload-Length": "9" * 30}, 422, "Upload-Length"),
        ({**TUS, "Upload-Defer-Length": "1"}, 422, "Upload-Length"),
        ({**TUS, "Upload-Length": "1", "Upload-Metadata": "filename !!!"}, 422, "Upload-Metadata"),
        ({**TUS, "Upload-Length": "1", "Upload-Metadata": "x" * 5000}, 422, "Upload-Metadata"),
    ],
)
def test_headers_that_cannot_be_used_are_named(web, headers, status: int, field: str) -> None:
    response = web.client.post("/api/v1/uploads", headers=headers)
    assert response.status_code == status
    assert field in response.json()["detail"]


def test_bytes_of_another_media_type_are_refused(web) -> None:
    location = _begin(web, 3)
    response = web.client.patch(location, headers={**TUS, "Upload-Offset": "0"}, content=b"abc")
    assert response.status_code == 415


def test_the_metadata_comes_back_exactly_as_it_was_given(web) -> None:
    encoded = base64.b64encode("数字.zip".encode()).decode()
    given = f"type eA==, filename {encoded},is_confidential"
    location = _begin(web, 3, **{"Upload-Metadata": given})
    assert web.client.head(location, headers=TUS).headers["Upload-Metadata"] == given
    assert "Upload-Metadata" not in web.client.head(_begin(web, 3), headers=TUS).headers


def test_the_metadata_may_name_the_storage_that_keeps_the_bytes(web) -> None:
    named = {"Upload-Metadata": f"storage {base64.b64encode(b'lake').decode()}"}
    upload_id = _begin(web, 3, **named).rsplit("/", 1)[-1]
    with web.resources.database.reading() as session:
        assert session.get_one(Upload, upload_id).storage == "lake"

    wrong = {"Upload-Metadata": f"storage {base64.b64encode(b'nowhere').decode()}", "Upload-Length": "3"}
    refused = web.client.post("/api/v1/uploads", headers={**TUS, **wrong})
    assert refused.status_code == 422
    assert "nowhere" in refused.json()["detail"]


def test_an_upload_that_is_given_up_is_gone_with_its_bytes(web) -> None:
    location = _begin(web, 6)
    _patch(web, location, 0, b"abc")
    assert web.client.delete(location, headers=TUS).status_code == 204
    assert web.client.head(location, headers=TUS).status_code == 404
    assert web.client.delete(location, headers=TUS).status_code == 404
    remove_litter(web.resources)
    storage = web.resources.storages.open("default")
    prefix = f"uploads/{location.rsplit('/', 1)[-1]}/"
    assert not list(storage.list_uploads(prefix))
    assert not list(storage.list_objects(prefix))


def test_an_upload_that_a_job_reads_cannot_be_given_up(web) -> None:
    upload_id = web.upload(b"PK")
    source = {"name": "reads-upload", "source": {"upload": upload_id}}
    assert web.client.post("/api/v1/datasets", json=source).status_code == 202
    assert web.client.delete(f"/api/v1/uploads/{upload_id}", headers=TUS).status_code == 409


def test_an_unfinished_upload_cannot_be_imported(web) -> None:
    upload_id = _begin(web, 6).rsplit("/", 1)[-1]
    source = {"name": "too-early", "source": {"upload": upload_id}}
    assert web.client.post("/api/v1/datasets", json=source).status_code == 409
    assert not web.client.get("/api/v1/datasets?q=too-early").json()["items"]


def test_another_projects_upload_is_not_found(web) -> None:
    location = _begin(web, 3)
    headers = {**TUS, "Authorization": f"Bearer {web.token_of('others')}"}
    assert web.client.head(location, headers=headers).status_code == 404


def test_what_arrived_before_the_connection_broke_is_kept(web) -> None:
    location = _begin(web, 1000)
    host, port = web.url.removeprefix("http://").split(":")
    request = (
        f"PATCH {location} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {web.token}\r\n"
        "Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Length: 1000\r\n"
        "Content-Type: application/offset+octet-stream\r\n\r\n"
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(request.encode() + b"x" * 400)
        time.sleep(0.5)  # what the server has not read when the connection ends is lost with it
    deadline = time.monotonic() + 10
    while _offset(web, location) != 400 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _offset(web, location) == 400


def test_a_method_may_be_said_in_a_header(web) -> None:
    location = _begin(web, 3)
    headers = {**OCTETS, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert web.client.post(location, headers=headers, content=b"abc").status_code == 204
    assert _stored(web, location) == b"abc"


def test_a_client_that_is_not_ours_uploads_and_resumes(web, tmp_path) -> None:
    path = tmp_path / "data.zip"
    path.write_bytes(bytes(range(256)) * 1000)
    ours = tus_client.TusClient(f"{web.url}/api/v1/uploads", headers={"Authorization": f"Bearer {web.token}"})
    with path.open("rb") as file:
        uploader = ours.uploader(file_stream=file, chunk_size=100_000, metadata={"filename": "data.zip"})
        uploader.upload_chunk()
        again = ours.uploader(file_stream=file, chunk_size=100_000, url=uploader.url)
        assert again.offset == 100_000
        again.upload()
    assert _stored(web, uploader.url) == path.read_bytes()
    assert isinstance(file, io.IOBase)
