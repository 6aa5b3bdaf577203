"""Clients of S3: what one storage waits for when its clients are made is not waited for by another."""

import threading
from concurrent.futures import ThreadPoolExecutor

from storage_adapters.ceph import CephStorage
from storage_adapters.s3 import clients

PATIENCE_SECONDS = 30
"""After which what should come does not come."""


def opened(host: str) -> CephStorage:
    options = {"endpoint": f"http://{host}", "access_key": "a", "secret_key": "s", "reach": "far"}
    return CephStorage.from_url("ceph://bucket", options)


def test_a_name_that_takes_its_time_holds_up_the_clients_of_no_other_storage(monkeypatch) -> None:
    reached, answered = threading.Event(), threading.Event()

    def look_up(host: str) -> None:
        if host == "slow.example.com":
            reached.set()
            assert answered.wait(PATIENCE_SECONDS)

    monkeypatch.setattr(clients, "refuse_near_name", look_up)
    slow, quick = opened("slow.example.com")._clients, opened("quick.example.com")._clients
    with ThreadPoolExecutor(2) as threads:
        try:
            waiting = threads.submit(lambda: slow.store)
            assert reached.wait(PATIENCE_SECONDS)
            assert threads.submit(lambda: quick.store).result(PATIENCE_SECONDS) is quick.store
            assert not waiting.done()
        finally:
            answered.set()
        assert waiting.result(PATIENCE_SECONDS) is slow.store
