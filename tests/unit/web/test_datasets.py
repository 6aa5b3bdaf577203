"""Datasets and jobs over HTTP, before any worker has touched them."""

import pytest

from datacenter.ledger.models import Job
from datacenter.ledger.states import JobState

DATASETS = "/api/v1/datasets"


def _create(web, name: str, **more):
    response = web.client.post(DATASETS, json=web.new_dataset(name, **more))
    assert response.status_code == 202, response.text
    return response


def test_an_import_is_accepted_with_the_address_of_its_job(web) -> None:
    response = _create(web, "digits", description="handwritten", tags=["a", "数字"], priority=5)
    dataset, job = response.json()["dataset"], response.json()["job"]
    assert response.headers["Location"] == f"/api/v1/jobs/{job['id']}"
    assert dataset["state"] == "IMPORTING"
    assert (dataset["project"], dataset["kind"], dataset["version"]) == ("default", "files", 0)
    assert (dataset["labels"], dataset["tags"]) == ({}, ["a", "数字"])
    assert dataset["created_at"].endswith("Z")
    assert (job["kind"], job["dataset_ids"], job["priority"]) == ("import", [dataset["id"]], 5)
    assert set(job["progress"]) == {"phase", "files_done", "files_total", "bytes_done", "bytes_total"}
    assert web.client.get(f"{DATASETS}/{dataset['id']}").json() == dataset
    shown = web.client.get(response.headers["Location"]).json()
    assert shown["id"] == job["id"]
    assert web.doorbell.heard(job["id"]) == [("import", job["id"])]


def test_a_list_gives_every_dataset_once_however_small_its_pages(web) -> None:
    made = [_create(web, f"page-{number}").json()["dataset"]["id"] for number in range(7)]
    seen, cursor = [], None
    while True:
        params = {"q": "page-", "limit": 3, **({"cursor": cursor} if cursor else {})}
        page = web.client.get(DATASETS, params=params).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == made[::-1]


def test_a_cursor_of_another_list_is_refused(web) -> None:
    for number in range(2):
        _create(web, f"cursor-{number}")
    cursor = web.client.get(DATASETS, params={"limit": 1}).json()["next"]
    assert web.client.get("/api/v1/jobs", params={"cursor": cursor}).status_code == 422
    assert web.client.get(DATASETS, params={"cursor": cursor}).status_code == 200


def test_what_people_wrote_can_be_changed(web) -> None:
    dataset_id = _create(web, "before").json()["dataset"]["id"]
    body = {"name": "after", "description": "d", "tags": ["t"]}
    changed = web.client.patch(f"{DATASETS}/{dataset_id}", json=body)
    assert changed.status_code == 200
    assert {key: changed.json()[key] for key in body} == body
    assert web.client.patch(f"{DATASETS}/{dataset_id}", json={}).json()["name"] == "after"


def test_a_deleted_dataset_is_gone_at_once_and_its_name_is_free(web) -> None:
    dataset_id = _create(web, "short-lived").json()["dataset"]["id"]
    response = web.client.delete(f"{DATASETS}/{dataset_id}")
    assert response.status_code == 202
    assert response.json()["job"]["kind"] == "delete"
    assert response.headers["Location"] == f"/api/v1/jobs/{response.json()['job']['id']}"
    for path in ("", "/files", "/files/a.png", "/manifest", "/versions"):
        assert web.client.get(f"{DATASETS}/{dataset_id}{path}").status_code == 404
    assert web.client.delete(f"{DATASETS}/{dataset_id}").status_code == 404
    _create(web, "short-lived")


def test_a_dataset_in_its_grace_period_is_listed_and_can_be_restored(web) -> None:
    dataset_id = _create(web, "regretted").json()["dataset"]["id"]
    web.client.delete(f"{DATASETS}/{dataset_id}", params={"grace_seconds": 600})
    assert web.client.get(f"{DATASETS}/{dataset_id}").status_code == 404
    listed = web.client.get(DATASETS, params={"state": "DELETING"}).json()["items"]
    assert [(item["id"], item["state"]) for item in listed] == [(dataset_id, "DELETING")]
    assert web.client.post(f"{DATASETS}/{dataset_id}/restore").status_code == 200
    assert web.client.get(f"{DATASETS}/{dataset_id}").status_code == 200
    assert web.client.post(f"{DATASETS}/{dataset_id}/restore").status_code == 404


@pytest.mark.parametrize("grace", ["-1", "x", "99999999999"])
def test_a_grace_period_that_cannot_be_is_refused(web, grace: str) -> None:
    response = web.client.delete(f"{DATASETS}/1", params={"grace_seconds": grace})
    assert response.status_code == 422


def test_what_needs_the_files_is_a_conflict_while_the_import_runs(web) -> None:
    dataset_id = _create(web, "not-yet").json()["dataset"]["id"]
    label = {"select": {"prefix": ""}, "add": ["x"]}
    answers = [
        web.client.get(f"{DATASETS}/{dataset_id}/files"),
        web.client.get(f"{DATASETS}/{dataset_id}/manifest"),
        web.client.post(f"{DATASETS}/{dataset_id}/labels", json=label),
        web.client.post(f"{DATASETS}/{dataset_id}/downloads", json={"delivery": "stream"}),
        web.client.post("/api/v1/exports", json={"datasets": [{"id": dataset_id}]}),
        web.client.post("/api/v1/exports/preview", json={"datasets": [{"id": dataset_id}]}),
    ]
    assert [answer.json()["code"] for answer in answers] == ["DATASET_NOT_READY"] * len(answers)
    assert web.client.get(f"{DATASETS}/{dataset_id}/versions").json() == {"items": [], "next": None}


@pytest.mark.parametrize(
    "body",
    [
        {"select": {}, "add": ["x"]},
        {"select": {"paths": []}, "add": ["x"]},
        {"select": {"prefix": ""}},
        {"select": {"prefix": ""}, "add": ["x"], "remove": ["x"]},
        {"select": {"prefix": ""}, "add": [""]},
        {"select": {"prefix": "", "glob": "*"}, "add": ["x"]},
    ],
)
def test_a_label_change_that_says_nothing_usable_is_refused(web, body) -> None:
    assert web.client.post(f"{DATASETS}/1/labels", json=body).status_code == 422


def test_a_job_is_cancelled_once_and_then_is_finished(web) -> None:
    job_id = _create(web, "cancelled").json()["job"]["id"]
    response = web.client.post(f"/api/v1/jobs/{job_id}/cancel")
    assert response.status_code == 202
    assert response.headers["Location"] == f"/api/v1/jobs/{job_id}"
    assert response.json()["job"]["cancel_requested_at"]


def test_only_a_job_that_failed_can_be_retried(web) -> None:
    job_id = _create(web, "running").json()["job"]["id"]
    response = web.client.post(f"/api/v1/jobs/{job_id}/retry")
    assert (response.status_code, response.json()["code"]) == (409, "JOB_NOT_RETRYABLE")


@pytest.mark.parametrize(("code", "retryable"), [("OBJECT_MISSING", False), ("STORAGE_DENIED", True)])
def test_a_job_that_failed_says_whether_a_retry_can_help_and_takes_one_either_way(
    web, code: str, retryable: bool
) -> None:
    job_id = _create(web, f"failed-{code}").json()["job"]["id"]
    error = {"code": code, "message": "as an older release kept it", "entry": None}
    with web.resources.database.transaction() as session:
        session.query(Job).filter_by(id=job_id).update(
            {"state": JobState.FAILURE, "error": error, "open_shards": 0}
        )

    shown = web.client.get(f"/api/v1/jobs/{job_id}").json()["error"]

    assert shown == {**error, "retryable": retryable}
    assert web.client.post(f"/api/v1/jobs/{job_id}/retry").status_code == 202


def test_jobs_are_found_by_kind_state_and_dataset(web) -> None:
    made = _create(web, "found").json()
    params = {"kind": "import", "dataset": made["dataset"]["id"]}
    assert [job["id"] for job in web.client.get("/api/v1/jobs", params=params).json()["items"]] == [
        made["job"]["id"]
    ]
    params = {"kind": "export", "dataset": made["dataset"]["id"]}
    assert web.client.get("/api/v1/jobs", params=params).json()["items"] == []
    assert web.client.get("/api/v1/jobs", params={"kind": "nonsense"}).status_code == 422


def test_a_prefix_of_a_storage_is_imported(served) -> None:
    files = {"猫/1.png": b"one", "dog/2.png": b"two"}
    served.bench.keep("inbox", {f"web/in/{path}": data for path, data in files.items()})
    body = {"name": "from-a-prefix", "source": {"storage": "inbox", "prefix": "web/in"}}

    response = served.client.post(DATASETS, json=body)
    job = served.done(response)

    assert job["progress"]["files_done"] == job["progress"]["files_total"] == len(files)
    dataset = f"{DATASETS}/{response.json()['dataset']['id']}"
    assert served.client.get(dataset).json()["labels"] == {"猫": 1, "dog": 1}
    for path, data in files.items():
        assert served.client.get(f"{dataset}/files/{path}").content == data
    versions = served.client.get(f"{dataset}/versions").json()["items"]
    assert [version["comment"] for version in versions] == ["imported from inbox: web/in/"]


@pytest.mark.parametrize(
    ("storage", "prefix", "field"),
    [
        ("default", "in/", "source.storage"),
        ("nowhere", "in/", "source.storage"),
        ("inbox", "uploads/", "source.prefix"),
        ("inbox", "../in/", "source.prefix"),
        ("shared", "/in/", "source.prefix"),
    ],
)
def test_a_prefix_that_cannot_be_imported_is_refused_by_its_name(
    served, storage: str, prefix: str, field: str
) -> None:
    body = {"name": "refused", "source": {"storage": storage, "prefix": prefix}}
    response = served.client.post(DATASETS, json=body)
    assert (response.status_code, response.json()["code"]) == (422, "INVALID")
    assert [error["field"] for error in response.json()["errors"]] == [field]
    assert response.json()["detail"].startswith(f"{field}: ")


def test_a_prefix_without_objects_fails_with_a_code_of_its_own(served) -> None:
    body = {"name": "from-nothing", "source": {"storage": "inbox", "prefix": "web/nothing/"}}
    response = served.client.post(DATASETS, json=body)
    assert response.status_code == 202
    served.bench.work()
    job = served.client.get(response.headers["Location"]).json()
    assert (job["state"], job["error"]["code"]) == ("FAILURE", "NOTHING_TO_IMPORT")
    assert "web/nothing/" in job["error"]["message"]


@pytest.mark.parametrize(
    ("wrong", "status", "field"),
    [
        ({"storage": "nowhere"}, 422, "storage"),
        ({"label_format": "xml"}, 422, "label_format"),
        ({"name_encoding": "klingon"}, 422, "name_encoding"),
        ({"name": ""}, 422, "name"),
        ({"name": "../x"}, 422, "name"),
        ({"name": "seen before"}, 409, "name"),
    ],
)
def test_an_import_is_refused_before_its_archive_is_uploaded(
    web, wrong: dict, status: int, field: str
) -> None:
    web.client.post("/api/v1/datasets", json=web.new_dataset("seen before"))

    preview = web.client.post("/api/v1/datasets/preview", json={"name": "not yet", **wrong})

    assert preview.status_code == status, preview.text
    assert preview.json()["detail"].startswith(f"{field}: ")


def test_a_preview_of_an_import_changes_nothing(web) -> None:
    for _ in range(2):
        assert web.client.post("/api/v1/datasets/preview", json={"name": "only looked at"}).status_code == 204
    assert web.client.get("/api/v1/datasets?q=only looked at").json()["items"] == []
