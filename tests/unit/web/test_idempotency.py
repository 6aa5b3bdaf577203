"""Idempotency keys: one request, one effect, one answer."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm.attributes import set_committed_value

from datacenter.database.engine import now
from datacenter.datasets.models import Dataset
from datacenter.errors import KeyInFlight, KeyReused
from datacenter.ledger import idempotency
from datacenter.ledger.idempotency import KeyedRequest, StoredResponse
from datacenter.ledger.models import IdempotencyKey, Job

DATASETS = "/api/v1/datasets"


def _jobs(web) -> int:
    with web.resources.database.reading() as session:
        return session.scalar(select(func.count()).select_from(Job))


def test_fifty_parallel_requests_with_one_key_make_one_job(web) -> None:
    body = web.new_dataset("fifty")
    before = _jobs(web)
    barrier = threading.Barrier(50)

    def post(_: int):
        barrier.wait()
        return web.client.post(DATASETS, json=body, headers={"Idempotency-Key": "fifty"})

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(post, range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert _jobs(web) == before + 1
    job_id = answers[0].json()["job"]["id"]
    assert len(web.doorbell.heard(job_id)) == 1


def test_a_replay_gives_the_same_answer_though_things_changed_meanwhile(web) -> None:
    body = web.new_dataset("replayed")
    headers = {"Idempotency-Key": "replayed"}
    first = web.client.post(DATASETS, json=body, headers=headers)
    web.client.delete(f"{DATASETS}/{first.json()['dataset']['id']}")
    again = web.client.post(DATASETS, json=body, headers=headers)
    assert (again.status_code, again.text) == (first.status_code, first.text)
    assert again.headers["Location"] == first.headers["Location"]


def test_another_request_with_the_same_key_is_refused(web) -> None:
    headers = {"Idempotency-Key": "reused"}
    assert web.client.post(DATASETS, json=web.new_dataset("reused-1"), headers=headers).status_code == 202
    other = web.client.post(DATASETS, json=web.new_dataset("reused-2"), headers=headers)
    elsewhere = web.client.post("/api/v1/jobs/1/cancel", headers=headers)
    for response in (other, elsewhere):
        assert response.status_code == 422
        assert response.json()["code"] == "IDEMPOTENCY_KEY_REUSED"
        assert response.json()["errors"][0]["field"] == "Idempotency-Key"


def test_a_refused_request_leaves_its_key_free(web) -> None:
    headers = {"Idempotency-Key": "free-again"}
    assert web.client.post(f"{DATASETS}/unknown/restore", headers=headers).status_code == 404
    assert web.client.post(DATASETS, json=web.new_dataset("free"), headers=headers).status_code == 202


def test_keys_of_two_projects_are_not_the_same(web) -> None:
    headers = {"Idempotency-Key": "shared"}
    assert web.client.post(DATASETS, json=web.new_dataset("ours"), headers=headers).status_code == 202
    theirs = {**headers, "Authorization": f"Bearer {web.token_of('others')}"}
    assert web.client.post("/api/v1/jobs/1/cancel", headers=theirs).status_code == 404


def test_an_upload_is_begun_once(web) -> None:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "7", "Idempotency-Key": "upload"}
    first, again = (web.client.post("/api/v1/uploads", headers=headers) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert first.headers["Location"] == again.headers["Location"]
    other = web.client.post("/api/v1/uploads", headers={**headers, "Upload-Length": "8"})
    assert other.status_code == 422


def test_what_an_upload_was_answered_is_answered_again_though_it_was_given_up(web) -> None:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "7", "Idempotency-Key": "upload-given-up"}
    first = web.client.post("/api/v1/uploads", headers=headers)
    given_up = {"Tus-Resumable": "1.0.0", "Idempotency-Key": "give-up"}
    for _ in range(2):
        assert web.client.delete(first.headers["Location"], headers=given_up).status_code == 204
    again = web.client.post("/api/v1/uploads", headers=headers)
    assert (again.status_code, again.headers["Location"]) == (201, first.headers["Location"])


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_is_empty_or_too_long_is_refused(web, key: str) -> None:
    response = web.client.post("/api/v1/jobs/1/cancel", headers={"Idempotency-Key": key})
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"


def _request(web, key: str, sha256: str = "0" * 64) -> KeyedRequest:
    return KeyedRequest(project_id=web.project_id, key=key, sha256=sha256)


def test_a_key_whose_request_is_being_served_is_in_flight(web) -> None:
    request = _request(web, "long")
    run = web.resources.database.run
    assert run(lambda session: idempotency.claim(session, request)) is None
    with pytest.raises(KeyInFlight):
        run(lambda session: idempotency.claim(session, request))
    with pytest.raises(KeyReused):
        run(lambda session: idempotency.claim(session, _request(web, "long", "1" * 64)))
    run(lambda session: idempotency.release(session, request))
    assert run(lambda session: idempotency.claim(session, request)) is None


def test_a_key_whose_server_died_can_be_used_again_later(web) -> None:
    request = _request(web, "died")
    run = web.resources.database.run
    run(lambda session: idempotency.claim(session, request))

    def age(session) -> None:
        row = session.get_one(IdempotencyKey, (web.project_id, "died"))
        row.created_at = now(session) - idempotency.ABANDONED_AFTER

    run(age)
    assert run(lambda session: idempotency.claim(session, request)) is None


def test_an_abandoned_key_is_taken_over_by_one_of_two_that_saw_it(web) -> None:
    request = _request(web, "seen-by-two")
    run = web.resources.database.run
    run(lambda session: idempotency.claim(session, request))

    def claim_after_another_did(session) -> None:
        row = session.get_one(IdempotencyKey, (web.project_id, "seen-by-two"))
        seen = now(session) - idempotency.ABANDONED_AFTER
        set_committed_value(row, "created_at", seen)  # what was read before the other's commit
        idempotency.claim(session, request)

    with pytest.raises(KeyInFlight):
        run(claim_after_another_did)


def test_an_answer_is_kept_and_cannot_be_released(web) -> None:
    request = _request(web, "kept")
    answer = StoredResponse(status=200, body={"a": [1]}, headers={"Location": "/x"})
    run = web.resources.database.run

    def serve(session) -> None:
        assert idempotency.claim(session, request) is None
        idempotency.keep(session, request, answer)

    run(serve)
    assert run(lambda session: idempotency.claim(session, request)) == answer
    run(lambda session: idempotency.release(session, request))
    assert run(lambda session: idempotency.claim(session, request)) == answer


def test_nothing_is_kept_of_a_change_that_failed(web, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(idempotency, "keep", fail)
        body = web.new_dataset("half-made")
        response = web.client.post(DATASETS, json=body, headers={"Idempotency-Key": "half"})
        assert response.status_code == 500
    with web.resources.database.reading() as session:
        assert not session.scalars(select(Dataset).where(Dataset.name == "half-made")).all()
    assert web.client.post(DATASETS, json=body, headers={"Idempotency-Key": "half"}).status_code == 202
