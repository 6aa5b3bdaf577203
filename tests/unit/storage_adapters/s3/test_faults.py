"""What S3 servers answer, as the storage's errors: by both SDKs, with the right advice to retry."""

from collections.abc import Callable

import pytest
from services.server import free_port

from storage_adapters.ceph import CephStorage
from storage_adapters.errors import (
    ConfigurationInvalid,
    InvalidKey,
    NotSupported,
    ObjectChanged,
    ObjectExists,
    ObjectMissing,
    PermissionDenied,
    StorageError,
    StorageFull,
    StorageUnavailable,
    UploadInvalid,
    UploadMissing,
)
from storage_adapters.object_storage.contract import ByteRange, NewObject
from storage_adapters.s3.faults import CODES, MESSAGES, from_code, translate

Answering = Callable[[int, str], str]

REFUSALS = [
    (404, "NoSuchKey", ObjectMissing, False),
    (404, "NoSuchBucket", ConfigurationInvalid, False),
    (404, "NoSuchUpload", UploadMissing, False),
    (400, "InvalidPart", UploadInvalid, False),
    (400, "EntityTooSmall", UploadInvalid, False),
    (416, "InvalidRange", ObjectChanged, False),
    (412, "PreconditionFailed", ObjectExists, False),
    (400, "KeyTooLongError", InvalidKey, False),
    (403, "AccessDenied", PermissionDenied, False),
    (403, "InvalidAccessKeyId", PermissionDenied, False),
    (403, "SignatureDoesNotMatch", PermissionDenied, False),
    (403, "RequestTimeTooSkewed", PermissionDenied, False),
    (403, "ACodeNobodyKnows", PermissionDenied, False),
    (403, "QuotaExceeded", StorageFull, True),
    (405, "MethodNotAllowed", NotSupported, False),
    (400, "MalformedXML", StorageError, False),
    (409, "OperationAborted", StorageUnavailable, True),
    (429, "TooManyRequests", StorageUnavailable, True),
    (500, "InternalError", StorageUnavailable, True),
    (503, "SlowDown", StorageUnavailable, True),
]


def opened(endpoint: str, **options: str | int) -> CephStorage:
    keys = {"access_key": "key", "secret_key": "secret", "attempts": 1, "connect_seconds": 2}
    return CephStorage.from_url("ceph://bucket/root", {"endpoint": endpoint, **keys, **options})


@pytest.mark.parametrize(("status", "code", "expected", "retryable"), REFUSALS)
def test_a_refusal_is_the_same_error_by_either_sdk(
    refusing: Answering, status: int, code: str, expected: type[StorageError], retryable: bool
) -> None:
    storage = opened(refusing(status, code))

    (outcome,) = storage.put_many([NewObject(key="k", data=b"x")])
    with pytest.raises(StorageError) as by_boto:
        storage.begin_upload("k")

    for error in (outcome.error, by_boto.value):
        assert type(error) is expected
        assert error.retryable is retryable
        assert error.key == "k"
        assert error.__cause__ is not None


def test_a_refusal_of_a_head_has_no_code_and_goes_by_its_status(refusing: Answering) -> None:
    for status, expected in ((404, ObjectMissing), (403, PermissionDenied), (503, StorageUnavailable)):
        with pytest.raises(expected):
            opened(refusing(status, "")).stat("k")


@pytest.mark.parametrize("key", ["k", "line\nbreak"])
def test_a_range_is_refused_alike_by_both_ways_of_reading(refusing: Answering, key: str) -> None:
    with pytest.raises(ObjectChanged):
        list(opened(refusing(416, "InvalidRange")).read_ranges([ByteRange(key=key, offset=9, length=1)]))


def test_a_refused_bulk_delete_is_the_outcome_of_every_key(refusing: Answering) -> None:
    outcomes = list(opened(refusing(403, "AccessDenied")).delete(["a", "b", "a"]))
    assert [outcome.key for outcome in outcomes] == ["a", "b", "a"]
    assert {type(outcome.error) for outcome in outcomes} == {PermissionDenied}


@pytest.mark.parametrize(("code", "word"), [("InternalError", True), ("AccessDenied", False)])
def test_a_key_that_is_not_deleted_says_whether_to_try_again(code: str, word: bool) -> None:
    assert from_code(code, 500 if word else 403).retryable is word


def test_every_word_belongs_to_a_code() -> None:
    assert set(MESSAGES) <= set(CODES)


def test_what_a_server_says_of_an_unknown_code_is_passed_on() -> None:
    assert from_code("NewFault", 400, "Try less.").detail == "The storage answered NewFault (400). Try less."


def test_a_name_that_obstore_refuses_is_an_invalid_key() -> None:
    assert isinstance(translate(ValueError("Could not parse path"), "k"), InvalidKey)


def test_a_server_that_is_down_is_worth_another_try_by_either_sdk() -> None:
    storage = opened(f"http://127.0.0.1:{free_port()}")
    (outcome,) = storage.put_many([NewObject(key="k", data=b"x")])
    with pytest.raises(StorageUnavailable) as by_boto:
        storage.begin_upload("k")
    assert isinstance(outcome.error, StorageUnavailable)
    assert outcome.error.detail == by_boto.value.detail
    assert by_boto.value.retryable
