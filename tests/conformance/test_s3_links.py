"""Presigned URLs of the S3 storages: a program without a key uses them, in the form that each system has."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest
from support.storages.s3_places import ON_RGW, ROWS, s3_place

from storage_adapters.object_storage.contract import NewObject, Part, Storage
from storage_adapters.object_storage.streaming import read_stream
from storage_adapters.registry import open_storage

MINUTE = timedelta(minutes=1)
KEY = "a b/猫.txt"


@dataclass(frozen=True, kw_only=True)
class Linking:
    """A storage that signs, and a program without its key."""

    storage: Storage
    program: httpx.Client


@pytest.fixture(params=ROWS)
def linking(request: pytest.FixtureRequest) -> Iterator[Linking]:
    place = s3_place(request.param, lambda: request.getfixturevalue("moto"))
    with httpx.Client(proxy=place.gateway.endpoint, timeout=10) as program:
        yield Linking(storage=open_storage(place.kind, place.url, place.options), program=program)


def test_a_presigned_url_is_honoured(linking: Linking) -> None:
    storage, program = linking.storage, linking.program
    list(storage.put_many([NewObject(key=KEY, data=b"0123")]))
    link = storage.presign(KEY, MINUTE)
    assert program.get(link, headers={"Range": "bytes=1-2"}).content == b"12"


def test_a_part_is_put_by_its_url(linking: Linking) -> None:
    storage, program = linking.storage, linking.program
    upload_id = storage.begin_upload(KEY)
    answer = program.put(storage.presign_part(KEY, upload_id, 1, 4, MINUTE), content=b"0123")
    assert answer.status_code == 200
    (sent,) = storage.list_parts(KEY, upload_id)
    assert (sent.number, sent.length, sent.tag) == (1, 4, answer.headers["ETag"])
    storage.complete_upload(KEY, upload_id, [Part(number=1, offset=0, length=4)])
    assert b"".join(read_stream(storage, KEY)) == b"0123"


@pytest.mark.real
@pytest.mark.parametrize("linking", ON_RGW, indirect=True)
def test_a_parts_url_takes_its_length_and_its_number_and_no_other(linking: Linking) -> None:
    storage, program = linking.storage, linking.program
    upload_id = storage.begin_upload(KEY)
    url = storage.presign_part(KEY, upload_id, 1, 4, MINUTE)
    other = url.replace("partNumber=1", "partNumber=2")
    refused = [
        program.put(url, content=b"012"),
        program.put(url, content=b"01234"),
        program.put(other, content=b"0123"),
    ]
    assert [answer.status_code for answer in refused] == [403, 403, 403]
    assert list(storage.list_parts(KEY, upload_id)) == []
    storage.abort_upload(KEY, upload_id)


@pytest.mark.real
@pytest.mark.parametrize("linking", ON_RGW, indirect=True)
def test_a_parts_url_expires(linking: Linking) -> None:
    storage, program = linking.storage, linking.program
    upload_id = storage.begin_upload(KEY)
    url = storage.presign_part(KEY, upload_id, 1, 4, timedelta(seconds=1))
    time.sleep(3)  # its times are whole seconds
    assert program.put(url, content=b"0123").status_code == 403
    assert list(storage.list_parts(KEY, upload_id)) == []
    storage.abort_upload(KEY, upload_id)


@pytest.mark.real
@pytest.mark.parametrize("linking", ON_RGW, indirect=True)
@pytest.mark.parametrize("ending", ["complete", "abort"])
def test_a_parts_url_ends_with_its_upload(linking: Linking, ending: str) -> None:
    storage, program = linking.storage, linking.program
    upload_id = storage.begin_upload(KEY)
    url = storage.presign_part(KEY, upload_id, 1, 4, MINUTE)
    assert program.put(url, content=b"0123").status_code == 200
    if ending == "complete":
        storage.complete_upload(KEY, upload_id, [Part(number=1, offset=0, length=4)])
    else:
        storage.abort_upload(KEY, upload_id)
    assert program.put(url, content=b"4567").status_code == 404
    assert list(storage.list_uploads("")) == []
