"""A broker that hangs delays no request, however many come."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from datacenter.ledger.doorbell import Doorbell
from datacenter.settings.model import BrokerSettings

AT_ONCE = 100
MAX_SECONDS = 10


class HangingDoorbell(Doorbell):
    """Takes a ring and blocks until it is released."""

    def __init__(self) -> None:
        super().__init__(BrokerSettings())
        self.let_go = threading.Event()

    def ring(self, queue: str, job_id: str) -> None:
        self.let_go.wait()


@pytest.fixture
def hanging() -> Iterator[HangingDoorbell]:
    doorbell = HangingDoorbell()
    yield doorbell
    doorbell.let_go.set()


@pytest.mark.real
def test_requests_and_health_are_answered_while_the_broker_hangs(web, serving_on, hanging) -> None:
    uploads = [web.upload(b"PK") for _ in range(AT_ONCE)]

    with serving_on(replace(web.resources, doorbell=hanging)) as url:
        with httpx.Client(base_url=url, headers=web.client.headers, timeout=60) as client:

            def post(number: int) -> int:
                body = {"name": f"hung-{number}", "source": {"upload": uploads[number]}}
                return client.post("/api/v1/datasets", json=body).status_code

            with ThreadPoolExecutor(AT_ONCE) as threads:
                statuses = set(threads.map(post, range(AT_ONCE)))
            began = time.monotonic()
            alive = client.get("/healthz").status_code
            took = time.monotonic() - began
        hanging.let_go.set()

    assert (statuses, alive) == ({202}, 200)
    assert took < MAX_SECONDS
