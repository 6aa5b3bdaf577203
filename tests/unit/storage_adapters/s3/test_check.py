"""What a person reads when a Ceph or COS storage does not work: each with what to do about it."""

from collections.abc import Callable

import fsspec
import pytest
from services.server import free_port
from support.servers.stubs import answering

from storage_adapters.ceph import CephStorage
from storage_adapters.cos import CosStorage
from storage_adapters.errors import PermissionDenied
from storage_adapters.object_storage.contract import DeleteOutcome, Health

Answering = Callable[[int, str], str]


def check(endpoint: str) -> Health:
    options = {"access_key": "key", "secret_key": "secret", "attempts": 1, "connect_seconds": 2}
    return CephStorage.from_url("ceph://bucket/root", {"endpoint": endpoint, **options}).check()


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "InvalidAccessKeyId", "does not know this access key: correct the option 'access_key'"),
        (403, "SignatureDoesNotMatch", "correct the option 'secret_key'"),
        (404, "NoSuchBucket", "no such bucket"),
        (403, "RequestTimeTooSkewed", "Clock skew: this machine"),
        (403, "AccessDenied", "Allow it in the bucket's policy"),
        (403, "PathStyleDomainForbidden", "'addressing' to 'virtual'"),
        (503, "SlowDown", "overloaded: try again later"),
    ],
)
def test_a_refusal_says_what_to_correct(refusing: Answering, status: int, code: str, words: str) -> None:
    found = check(refusing(status, code))
    assert not found.ok
    assert found.detail.startswith("ceph://bucket/root at 127.0.0.1:")
    assert "cannot be listed" in found.detail
    assert words in found.detail


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "SignatureDoesNotMatch", "correct the option 'secret_key'"),
        (404, "NoSuchBucket", "no such bucket"),
    ],
)
def test_cos_says_it_in_the_same_words(refusing: Answering, status: int, code: str, words: str) -> None:
    options = {"region": "r", "access_key": "key", "secret_key": "secret", "attempts": 1}
    # No name of a bucket leads to the server, so it stands in as the proxy to it.
    through = {"endpoint": "http://cos.test", "proxy": refusing(status, code)}

    found = CosStorage.from_url("cos://bucket-1250000000/root", {**options, **through}).check()

    assert not found.ok
    assert found.detail.startswith("cos://bucket-1250000000/root at cos.test cannot be listed: ")
    assert words in found.detail


def test_an_endpoint_that_nobody_listens_at_is_named() -> None:
    port = free_port()
    found = check(f"http://127.0.0.1:{port}")
    assert not found.ok
    assert f"127.0.0.1:{port}" in found.detail
    assert "refuses the connection" in found.detail


def test_an_endpoint_whose_name_is_unknown_is_named() -> None:
    found = check("http://no-such-host.invalid")
    assert not found.ok
    assert (
        "no-such-host.invalid cannot be listed: The endpoint's host name cannot be resolved" in found.detail
    )


def test_a_key_that_may_write_and_not_delete_is_told_so(
    refusing: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CephStorage, "list_objects", lambda *_: [])
    monkeypatch.setattr(CephStorage, "put_many", lambda *_: [])
    monkeypatch.setattr(CephStorage, "read_ranges", lambda *_: [b"check"])
    refused = DeleteOutcome(key="k", error=PermissionDenied("The access key may not do this."))
    monkeypatch.setattr(CephStorage, "delete", lambda *_: [refused])

    found = check(refusing(500, ""))

    assert not found.ok
    assert found.detail.endswith("cannot be deleted from: The access key may not do this.")


def test_no_answer_shows_the_secret(refusing: Answering) -> None:
    assert "secret" not in check(refusing(500, "InternalError")).detail


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"<html><body>hello</body></html>"])
def test_a_server_that_speaks_no_s3_is_told_from_one_that_does(body: bytes) -> None:
    with answering(200, {"Content-Type": "text/html"}, body) as endpoint:
        found = check(endpoint)
    assert not found.ok
    assert "does not speak S3: check the option 'endpoint'." in found.detail


def test_a_program_that_opens_a_path_reads_words_where_the_gateway_sends_none() -> None:
    """RGW sends the code alone."""
    refusal = b"<Error><Code>InvalidAccessKeyId</Code><Message/></Error>"
    with answering(403, {"Content-Type": "application/xml"}, refusal) as endpoint:
        options = {"endpoint": endpoint, "access_key": "key", "secret_key": "secret"}
        files = fsspec.filesystem("ceph", skip_instance_cache=True, **options)
        with pytest.raises(PermissionError, match="correct the option 'access_key'"):
            files.ls("bucket/folder")
