"""Imports from storages that do not work: the job says which one, what is wrong and what to do, and leaves nothing."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from services.server import free_port
from support.jobs.workbench import Workbench
from support.servers.rogue_mysql import RogueServer
from support.servers.stubs import answering, refusing

from datacenter.settings.model import StorageSettings
from storage_adapters.errors import ConfigurationInvalid, PermissionDenied, StorageError, StorageUnavailable


@dataclass(frozen=True, kw_only=True)
class BadSource:
    """A storage, the server behind it, and how a job that reads from it ends."""

    kind: str
    server: Callable[[], AbstractContextManager[str]]
    error: type[StorageError]
    words: str

    def settings(self, endpoint: str) -> StorageSettings:
        """The settings that register it."""
        if self.kind == "webhdfs":
            url = f"{endpoint.replace('http', 'webhdfs')}/data"
            return StorageSettings(kind="webhdfs", url=url, role="source")
        options = {"endpoint": endpoint, "access_key": "known", "secret_key": "0e1f8a77", "attempts": 1}
        return StorageSettings(kind="ceph", url="ceph://bucket/root", role="source", options=options)


def ceph(status: int, code: str, error: type[StorageError], words: str) -> BadSource:
    return BadSource(kind="ceph", server=lambda: refusing(status, code), error=error, words=words)


def unreachable(kind: str, endpoint: Callable[[], str], words: str) -> BadSource:
    return BadSource(kind=kind, server=lambda: nullcontext(endpoint()), error=StorageUnavailable, words=words)


ELSEWHERE = {"Location": "http://127.0.0.1:1/elsewhere"}
LOGIN = b"<html>please log in</html>"
BAD_SOURCES = {
    "ceph-wrong-secret": ceph(403, "SignatureDoesNotMatch", PermissionDenied, "'secret_key'"),
    "ceph-no-bucket": ceph(404, "NoSuchBucket", ConfigurationInvalid, "no such bucket: create it, or"),
    "ceph-overloaded": ceph(503, "SlowDown", StorageUnavailable, "try again later"),
    "ceph-nobody-listens": unreachable(
        "ceph", lambda: f"http://127.0.0.1:{free_port()}", "check that the storage is running"
    ),
    "webhdfs-sent-elsewhere": BadSource(
        kind="webhdfs",
        server=lambda: answering(307, ELSEWHERE),
        error=ConfigurationInvalid,
        words="redirects",
    ),
    "webhdfs-not-webhdfs": BadSource(
        kind="webhdfs",
        server=lambda: answering(200, {"Content-Type": "text/html"}, LOGIN),
        error=ConfigurationInvalid,
        words="and that dfs.webhdfs.enabled is on",
    ),
    "webhdfs-nobody-listens": unreachable("webhdfs", lambda: f"http://127.0.0.1:{free_port()}", "reached"),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A data centre with all of these storages."""
    with ExitStack() as stack:
        storages = {
            name: bad.settings(stack.enter_context(bad.server())) for name, bad in BAD_SOURCES.items()
        }
        bench = Workbench(tmp_path_factory.mktemp("bench"), storages=storages)
        stack.callback(bench.close)
        yield bench


@pytest.mark.parametrize("name", BAD_SOURCES)
def test_an_import_from_a_bad_storage_fails_with_its_code_and_a_cure(bench: Workbench, name: str) -> None:
    bad = BAD_SOURCES[name]
    places = [{"key": "a.zip"}, {"prefix": "folder"}]
    asked = [bench.submit_source({"storage": name, **place}) for place in places]

    bench.work()

    for dataset, job in asked:
        ended = bench.job(job.id)
        assert ended.state == "FAILURE"
        assert ended.error is not None
        assert ended.error["code"] == bad.error.code
        assert ended.error["message"].startswith(f"storage {name}: ")
        assert bad.words in ended.error["message"]
        assert ended.attempts == (bench.settings.ledger.attempts if bad.error.retryable else 1)
        assert bench.dataset(dataset.id).state == "FAILED"
    assert bench.objects() == []


def test_an_import_from_a_server_that_asks_for_a_file_of_ours_fails_and_gives_it_none(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the content of the file")
    server = RogueServer(secret)
    server.start()
    url, options = (
        f"mysql://127.0.0.1:{server.port}",
        {"user": "reader", "password": "5a9e04c1", "tls": "off"},
    )
    rogue = StorageSettings(kind="mysql", url=url, role="source", options=options)
    bench = Workbench(tmp_path, storages={"rogue": rogue})
    dataset, job = bench.submit_source({"storage": "rogue", "query": "SELECT 1 AS x"})

    bench.work()

    ended = bench.job(job.id)
    assert (ended.state, ended.attempts, ended.error and ended.error["code"]) == (
        "FAILURE",
        1,
        "SERVER_UNTRUSTED",
    )
    assert ended.error is not None
    assert ended.error["message"] == (
        "storage rogue: The server asked for a file of this machine (LOCAL INFILE); the request was rejected. "
        "Do not trust this server."
    )
    assert bench.dataset(dataset.id).state == "FAILED"
    assert bench.objects() == []
    bench.close()
    server.close()
    assert any(packet[1:].startswith(b"SELECT") for packet in server.received)
    assert not any(b"the content" in packet for packet in server.received)
