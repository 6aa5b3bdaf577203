"""A real Ceph that refuses: wrong keys, no bucket, no such object, no permission; the job and the check say the same."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import boto3
import pytest
from support.jobs.rest_jobs import archive_of, eventually
from support.storages.s3_places import real_gateway

from storage_adapters.options import OptionValue
from storage_adapters.registry import open_storage

pytestmark = pytest.mark.real

FILES = {f"{number}.bin": bytes([number]) * 100 for number in range(20)}


@pytest.fixture(scope="module")
def gateway():
    return real_gateway()


@pytest.fixture
def bucket(gateway) -> str:
    """A bucket of its own for each test, so that its policy is no other test's."""
    return gateway.make_bucket(f"refusing-{uuid4().hex[:8]}")


@pytest.fixture
def add(centre, gateway, bucket):
    """Register the bucket, or what is said otherwise; its name."""

    def add_storage(*, url: str = "", role: str = "source", **options: OptionValue) -> str:
        name = f"lake-{uuid4().hex[:8]}"
        centre.client.storages.add(
            name,
            kind="ceph",
            url=url or f"ceph://{bucket}/root",
            role=role,
            options={**gateway.ceph_options(), **options},
        )
        return name

    return add_storage


WRONG: dict[str, tuple[dict[str, str], str, str]] = {
    "unknown access key": ({"access_key": "nobody"}, "STORAGE_DENIED", "correct the option 'access_key'"),
    "wrong secret key": ({"secret_key": "5a9e04c1"}, "STORAGE_DENIED", "correct the option 'secret_key'"),
    "no bucket": (
        {"url": "ceph://no-such-bucket/root"},
        "STORAGE_MISCONFIGURED",
        "no such bucket: create it, or correct",
    ),
}


@pytest.mark.parametrize("place", [{"key": "a.zip"}, {"prefix": "folder"}], ids=["archive", "prefix"])
@pytest.mark.parametrize("row", WRONG)
def test_an_import_from_a_refusing_bucket_fails_with_a_code_and_a_cure(centre, client, add, name, row, place):
    wrong, code, cure = WRONG[row]
    storage = add(**wrong)

    dataset, job = client.datasets.create(name, {"storage": storage, **place})

    ended = client.jobs.wait(job)
    assert (ended.state, ended.attempts) == ("FAILURE", 1)
    assert ended.error is not None
    assert ended.error.code == code
    assert ended.error.message.startswith(f"storage {storage}: ")
    assert cure in ended.error.message
    assert client.datasets.get(dataset.id).state == "FAILED"
    assert not (centre.storage / "datasets" / dataset.id).exists()
    checked = client.storages.check(storage)
    assert not checked.ok
    assert cure in checked.detail


def test_an_import_of_an_archive_that_is_not_there_names_the_key(client, add, name):
    storage = add()

    ended = client.jobs.wait(client.datasets.create(name, {"storage": storage, "key": "a.zip"})[1])

    assert ended.state == "FAILURE"
    assert ended.error is not None
    assert (ended.error.code, ended.error.entry) == ("OBJECT_MISSING", "a.zip")
    assert ended.error.message == f"storage {storage}: There is no object under this key."


def test_an_import_of_a_prefix_with_nothing_under_it_names_the_prefix(client, add, name):
    storage = add()

    ended = client.jobs.wait(client.datasets.create(name, {"storage": storage, "prefix": "folder"})[1])

    assert ended.state == "FAILURE"
    assert ended.error is not None
    assert ended.error.code == "NOTHING_TO_IMPORT"
    assert "'folder/'" in ended.error.message
    assert storage in ended.error.message


@contextmanager
def denied(gateway, bucket: str, *actions: str) -> Iterator[None]:
    """The bucket's policy denies these actions to all users, the owner included."""
    session = boto3.session.Session(gateway.access_key, gateway.secret_key, region_name="us-east-1")
    client: Any = session.client("s3", endpoint_url=gateway.endpoint)
    places = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    statement = {"Effect": "Deny", "Principal": "*", "Action": list(actions), "Resource": places}
    client.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    try:
        yield
    finally:
        client.delete_bucket_policy(Bucket=bucket)
        client.close()


@pytest.mark.parametrize(
    ("action", "deed"),
    [
        ("s3:ListBucket", "listed"),
        ("s3:PutObject", "written"),
        ("s3:GetObject", "read"),
        ("s3:DeleteObject", "deleted from"),
    ],
)
def test_the_check_of_a_platform_says_what_the_key_may_not_do(client, gateway, bucket, add, action, deed):
    storage = add(role="platform")
    assert client.storages.check(storage).ok

    with denied(gateway, bucket, action):
        found = client.storages.check(storage)

    assert not found.ok
    assert f"cannot be {deed}: Access denied: the access key is valid but may not do this" in found.detail


def test_a_delete_that_is_forbidden_reports_what_is_left_and_a_retry_removes_it(
    client, gateway, bucket, add, name, tmp_path
):
    storage = add(role="platform")
    upload = client.uploads.send(archive_of(FILES, tmp_path / "files.zip"))
    dataset, job = client.datasets.create(name, {"upload": upload}, storage=storage)
    assert client.jobs.wait(job).succeeded
    direct = open_storage("ceph", f"ceph://{bucket}/root", gateway.ceph_options())

    with denied(gateway, bucket, "s3:DeleteObject"):
        ended = client.jobs.wait(client.datasets.delete(dataset.id))

        assert ended.state == "FAILURE"
        assert ended.error is not None
        assert ended.error.code == "LEFTOVERS"
        assert f"storage {storage}" in ended.error.message
        assert "may not do this" in ended.error.message
        assert ended.result is not None
        assert ended.result["leftovers"] >= len(FILES)

    client.jobs.retry(ended.id)
    assert client.jobs.wait(ended.id).result == {"dataset": dataset.id, "leftovers": 0}
    eventually(lambda: not list(direct.list_objects("")), "something of the dataset is left")
