"""Shared limits: one caller gets a part, others and operators theirs, and everything comes back in the end."""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from datacenter.access.projects import ensure_project
from datacenter.access.tokens import create_token
from datacenter.datasets import records
from datacenter.web import admission
from datacenter.web.addresses import Proxies, one_client
from datacenter.web.admission import Limits, Turns
from datacenter.web.problems import TooBusy
from datacenter.web.shares import Allowance, Caller, Shares


def held_by(shares: Shares, caller: Caller) -> int:
    """How much a caller gets, one by one."""
    count = 0
    while shares.take(caller):
        count += 1
    return count


def test_one_caller_gets_a_half_one_project_two_thirds_and_a_newcomer_something() -> None:
    shares = Shares("things", 600)

    assert held_by(shares, Caller(name="a", group="one")) == 300
    assert held_by(shares, Caller(name="b", group="one")) == 100
    assert held_by(shares, Caller(name="c", group="one")) == 0
    assert held_by(shares, Caller(name="d", group="two")) == 100
    assert all(held_by(shares, Caller(name=f"{number}", group=f"{number}")) for number in range(5))


def test_what_is_returned_can_be_taken_again_and_nothing_is_remembered() -> None:
    shares, caller = Shares("things", 6), Caller(name="a", group="g")
    for _ in range(100):
        taken = held_by(shares, caller)
        assert taken == 3
        shares.give_back(caller, taken)

    assert not shares._by_name
    assert not shares._by_group


def test_a_closed_allowance_gives_a_late_thread_nothing() -> None:
    shares = Shares("bytes", 300)
    allowance = Allowance(shares, Caller(name="a"))
    assert allowance.take_bytes(50)
    allowance.close()

    assert not allowance.take_bytes(1)
    assert shares.take(Caller(name="a"), 100)


def scope(path: str = "/api/v1/jobs", client: str = "192.0.2.1", **headers: str) -> dict:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "path": path, "client": (client, 1), "headers": named, "state": {}}


@pytest.fixture
def limits(monkeypatch) -> Limits:
    for name in ("MAX_REQUESTS", "OPERATOR_REQUESTS", "HEALTH_REQUESTS", "EVENT_STREAMS"):
        monkeypatch.setattr(admission, name, 20)
    return Limits(buffer_bytes=1 << 20, proxies=Proxies(["10.0.0.0/8"]), health=frozenset({"/healthz"}))


def admitted(limits: Limits, **request: str) -> int:
    """How many such requests are admitted at the same time."""
    for count in range(1000):
        try:
            limits.admit(scope(**request))
        except TooBusy:
            return count
    raise AssertionError("no limit")


def test_requests_without_a_token_count_by_address(limits: Limits) -> None:
    assert admitted(limits) == 10
    assert admitted(limits, client="192.0.2.2") > 0


def test_requests_through_a_proxy_count_by_the_address_that_it_names(limits: Limits) -> None:
    assert admitted(limits, client="10.0.0.1", x_forwarded_for="198.51.100.7") == 10
    assert admitted(limits, client="10.0.0.1", x_forwarded_for="evil, 198.51.100.7, 10.0.0.2") == 0
    assert admitted(limits, client="10.0.0.1", x_forwarded_for="198.51.100.8") > 0
    assert admitted(limits, client="192.0.2.1", x_forwarded_for="198.51.100.7") > 0, "anybody can send it"


def test_a_network_of_ipv6_addresses_counts_as_one(limits: Limits) -> None:
    assert one_client("2001:db8::1") == one_client("2001:db8::ffff:1")
    assert one_client("::ffff:192.0.2.1") == one_client("192.0.2.1")
    assert admitted(limits, client="2001:db8::1") == 10
    assert admitted(limits, client="2001:db8::2") == 0


def test_health_is_answered_while_all_else_is_taken(limits: Limits) -> None:
    for number in range(100):
        admitted(limits, client=f"192.0.2.{number}")

    assert admitted(limits, client="203.0.113.1") == 0
    assert admitted(limits, client="203.0.113.1", path="/healthz") == 10
    assert admitted(limits, client="203.0.113.2", path="/healthz") > 0


def test_an_operator_is_served_while_all_else_is_taken(limits: Limits) -> None:
    for number in range(100):
        admitted(limits, client=f"192.0.2.{number}")

    for operator in (False, True):
        allowance = limits.admit(scope(client="203.0.113.1", authorization="Bearer x"))
        caller = Caller(name=f"token:{operator}", group=f"{operator}")
        if operator:
            limits.identify(allowance, caller, "jobs_list_all", operator=True)
        else:
            with pytest.raises(TooBusy):
                limits.identify(allowance, caller, "jobs_list_all")
            allowance.close()


def test_a_request_counts_for_its_token_and_no_longer_for_its_address(limits: Limits) -> None:
    for number in range(8):
        caller = Caller(name=f"token:{number}", group=f"{number}")
        limits.identify(limits.admit(scope()), caller, "jobs_list_all")

    assert admitted(limits) > 0


def test_event_streams_have_a_limit_of_their_own(limits: Limits, monkeypatch) -> None:
    limits.requests = Shares("requests", 1000)
    caller = Caller(name="token:a", group="p")
    for _ in range(10):
        limits.identify(limits.admit(scope()), caller, "events_watch")

    with pytest.raises(TooBusy, match="event streams"):
        limits.identify(limits.admit(scope()), caller, "events_watch")
    limits.identify(limits.admit(scope()), caller, "jobs_list_all")


def test_turns_of_a_caller_that_hangs_leave_turns_for_others() -> None:
    async def hang() -> list[bool]:
        turns, done = Turns(), asyncio.Event()
        one, other = Caller(name="a", group="one"), Caller(name="b", group="two")

        async def work(caller: Caller) -> bool:
            async with turns.turn(caller):
                await done.wait()
            return True

        hanging = [asyncio.create_task(work(one)) for _ in range(100)]
        await asyncio.sleep(0)
        async with asyncio.timeout(5), turns.turn(other):
            done.set()
        finished = await asyncio.gather(*hanging)
        assert not turns._of
        return finished

    assert asyncio.run(hang()) == [True] * 100


@pytest.fixture
def crowded(web, serving_on, monkeypatch) -> Iterator[tuple[str, ExitStack]]:
    """The address of a server with few slots."""
    monkeypatch.setattr(admission, "MAX_REQUESTS", 8)
    monkeypatch.setattr(admission, "EVENT_STREAMS", 8)
    with serving_on(web.resources) as url, ExitStack() as opened:
        yield url, opened


def test_slots_come_back_when_streams_end(web, crowded) -> None:
    url, _ = crowded
    headers = {"Authorization": f"Bearer {web.token}"}
    job = web.client.post("/api/v1/datasets", json=web.new_dataset("slots")).json()["job"]["id"]
    for _ in range(3):
        with ExitStack() as watching:
            for _ in range(4):
                stream = httpx.stream("GET", f"{url}/api/v1/jobs/{job}/events", headers=headers)
                assert watching.enter_context(stream).status_code == 200
            assert httpx.get(f"{url}/api/v1/jobs", headers=headers).status_code == 503
            refused = httpx.get(f"{url}/api/v1/jobs/{job}/events", headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (503, "TOO_BUSY")
            assert int(refused.headers["Retry-After"]) > 0
        _eventually(lambda: httpx.get(f"{url}/api/v1/jobs", headers=headers).status_code == 200)


def test_an_operator_and_health_are_answered_by_a_server_that_all_projects_have_filled(web, crowded) -> None:
    url, opened = crowded
    for number in range(12):
        token = web.token_of(f"crowd-{number}")
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, headers=headers) as client:
            upload = {"Tus-Resumable": "1.0.0", "Upload-Length": "2"}
            body = {"Content-Type": "application/offset+octet-stream"}
            begun = client.post("/api/v1/uploads", headers={**upload, **body}, content=b"PK")
            if begun.status_code == 503:
                break
            source = {"upload": begun.headers["Location"][-36:]}
            made = client.post("/api/v1/datasets", json={"name": "crowd", "source": source})
            job = made.json()["job"]["id"]
        while True:
            stream = opened.enter_context(
                httpx.stream("GET", f"{url}/api/v1/jobs/{job}/events", headers=headers)
            )
            if stream.status_code == 503:
                break
    with web.resources.database.transaction() as session:
        _, operator = create_token(session, ensure_project(session, "ops").id, "op", operator=True)

    assert httpx.get(f"{url}/api/v1/me", headers={"Authorization": f"Bearer {web.token}"}).status_code == 503
    assert httpx.get(f"{url}/api/v1/me", headers={"Authorization": f"Bearer {operator}"}).status_code == 200
    assert httpx.get(f"{url}/readyz").status_code == 200


def test_work_that_hangs_for_one_project_leaves_the_others_and_readyz_served(web, monkeypatch) -> None:
    going_on, listed = threading.Event(), records.list_datasets

    def hang(session, project_id: str, *arguments: object, **more: object):
        if project_id == web.project_id:
            going_on.wait(60)
        return listed(session, project_id, *arguments, **more)

    monkeypatch.setattr(records, "list_datasets", hang)
    other = {"Authorization": f"Bearer {web.token_of('beside one that hangs')}"}
    with ThreadPoolExecutor(60) as pool:
        hanging = [pool.submit(web.client.get, "/api/v1/datasets", timeout=60) for _ in range(60)]
        try:
            _eventually(lambda: sum(each.running() for each in hanging) == 60)
            for _ in range(5):
                assert httpx.get(f"{web.url}/api/v1/datasets", headers=other).status_code == 200
                assert httpx.get(f"{web.url}/readyz").status_code == 200
        finally:
            going_on.set()
        assert {each.result().status_code for each in hanging} == {200}


def _eventually(holds) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
