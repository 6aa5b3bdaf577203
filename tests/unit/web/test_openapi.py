"""The OpenAPI document: what a generator of clients makes of it, and that the server answers as it says."""

import re
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from datacenter.ledger.states import JobKind
from datacenter.web.schemas.job_results import RESULTS

OPERATIONS = {
    "datasets_change_record",
    "datasets_create",
    "datasets_delete",
    "datasets_list_all",
    "datasets_preview",
    "datasets_restore",
    "datasets_show",
    "dataset_files_list_all",
    "dataset_files_look",
    "dataset_files_read",
    "dataset_files_read_manifest",
    "dataset_labels_change",
    "dataset_versions_list_all",
    "downloads_create_for_dataset",
    "downloads_create_for_export",
    "downloads_show",
    "events_watch",
    "exports_create",
    "exports_list_all",
    "exports_preview",
    "exports_show",
    "health_show_alive",
    "health_show_ready",
    "jobs_cancel",
    "jobs_list_all",
    "jobs_retry",
    "jobs_show",
    "links_fetch",
    "links_look",
    "metrics_read",
    "multipart_complete",
    "multipart_create",
    "multipart_link",
    "multipart_list_parts",
    "multipart_remove",
    "multipart_show",
    "storages_add",
    "storages_change_registration",
    "storages_list_all",
    "storages_remove",
    "storages_show",
    "storage_contents_browse_source",
    "storage_contents_check",
    "tus_append",
    "tus_create",
    "tus_remove",
    "tus_show",
    "tus_show_capabilities",
    "audit_list_all",
    "me_show",
    "projects_change",
    "projects_create",
    "projects_list_all",
    "projects_show",
    "tokens_create",
    "tokens_list_all",
    "tokens_revoke",
}
"""The function names of generated clients: they do not change with their modules."""
SPOKEN = re.compile(
    r"tus-.*|upload-.*|location|etag|accept-ranges|content-range|content-disposition|retry-after"
)
"""Headers that a client has to understand; the others are HTTP's own."""
TUS = {"Tus-Resumable": "1.0.0"}
OCTETS = {**TUS, "Content-Type": "application/offset+octet-stream"}


@pytest.fixture(scope="module")
def document(web) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{web.url}/api/v1/openapi.json").json()
    return found


def _operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
    }


def test_the_document_is_valid(document) -> None:
    validate(document)


def test_operations_keep_the_names_that_clients_are_generated_with(document) -> None:
    assert set(_operations(document)) == OPERATIONS


def test_names_of_schemas_are_names_of_classes(document) -> None:
    schemas = document["components"]["schemas"]

    assert [name for name in schemas if not re.fullmatch(r"([A-Z][a-z]+)+", name)] == []
    assert {"DatasetPage", "JobPage", "StoragePage"} <= set(schemas)


def test_a_field_with_a_default_may_be_left_out_and_none_of_an_answer_is(document) -> None:
    schemas = document["components"]["schemas"]

    fields = [field for schema in schemas.values() for field in schema.get("properties", {}).values()]
    assert not any("default" in field for field in fields)
    assert schemas["NewExportRequest"]["required"] == ["datasets"]
    assert schemas["NewExportRequest"]["properties"]["archive"]["description"] == "Default: zip."
    for name in ("Alive", "Ready", "PartLinkObject", "JobObject", "JobError", "DatasetPage"):
        assert set(schemas[name]["required"]) == set(schemas[name]["properties"])


def test_the_result_of_a_job_is_described_for_every_kind(document) -> None:
    described = document["components"]["schemas"]["JobObject"]["properties"]["result"]["anyOf"]

    assert set(RESULTS) == set(JobKind)
    assert described == [
        *({"$ref": f"#/components/schemas/{model.__name__}"} for model in RESULTS.values()),
        {"type": "null"},
    ]


def test_jobs_answer_with_what_is_described(served) -> None:
    served.bench.keep("inbox", {"openapi/cat/1.png": b"one", "openapi/dog/2.png": b"two"})
    source = {"storage": "inbox", "prefix": "openapi"}
    imported = served.client.post("/api/v1/datasets", json={"name": "described", "source": source})
    dataset = imported.json()["dataset"]["id"]
    jobs = [served.done(imported)]
    export = {"datasets": [{"id": dataset}]}
    jobs.append(served.done(served.client.post("/api/v1/exports", json=export)))
    jobs.append(served.done(served.client.post(f"/api/v1/datasets/{dataset}/downloads", json={})))
    jobs.append(served.done(served.client.delete(f"/api/v1/datasets/{dataset}")))

    assert [job["kind"] for job in jobs] == list(JobKind)
    for job in jobs:
        model = RESULTS[JobKind(job["kind"])]
        assert set(job["result"]) <= set(model.model_fields)
        model.model_validate(job["result"])


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/datasets/preview", "POST"),
        ("/api/v1/exports/preview", "POST"),
        ("/api/v1/uploads/multipart", "POST"),
    ],
)
def test_a_fixed_address_allows_its_own_methods_and_not_those_of_ids_beside_it(
    web, document, path: str, allowed: str
) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "PATCH", "PUT", "DELETE"):
        answer = web.client.request(method, path, headers=TUS)
        assert (answer.status_code, answer.headers["Allow"]) == (405, allowed), method
    assert {method.upper() for method in document["paths"][path]} == {allowed}


def test_every_fixed_address_beside_ids_is_among_those(document) -> None:
    templates = [re.sub(r"\{[^}]*\}", "[^/]+", path) for path in document["paths"] if "{" in path]
    beside = {
        path
        for path in document["paths"]
        if "{" not in path and any(re.fullmatch(each, path) for each in templates)
    }

    assert beside == {
        "/api/v1/datasets/preview",
        "/api/v1/exports/preview",
        "/api/v1/uploads/multipart",
    }


def test_an_id_that_only_begins_like_a_fixed_address_is_an_id(web) -> None:
    assert web.client.get("/api/v1/datasets/preview1").status_code == 404


def test_uploads_declare_every_header_that_they_answer_with(web, document) -> None:
    metadata = {"Upload-Length": "4", "Upload-Metadata": "filename YS56aXA="}
    begun = web.client.post("/api/v1/uploads", headers={**OCTETS, **metadata}, content=b"ab")
    place = begun.headers["Location"]
    seen = {
        "tus_show_capabilities": [web.client.options("/api/v1/uploads")],
        "tus_create": [begun, web.client.post("/api/v1/uploads", headers={"Upload-Length": "4"})],
        "tus_show": [web.client.head(place, headers=TUS), web.client.head(f"{place}x", headers=TUS)],
        "tus_append": [web.client.patch(place, headers={**OCTETS, "Upload-Offset": "2"}, content=b"c")],
        "tus_remove": [web.client.delete(place, headers=TUS)],
    }

    for operation, answers in seen.items():
        for answer in answers:
            _is_declared(document, operation, answer)
    declared = {
        each["name"]: each["required"]
        for each in _operations(document)["tus_create"]["parameters"]
        if each["name"] != "Idempotency-Key"
    }
    assert declared == {"Tus-Resumable": True, "Upload-Length": True, "Upload-Metadata": False}


def test_bytes_declare_every_header_that_they_answer_with(served) -> None:
    document = served.client.get("/api/v1/openapi.json").json()
    served.bench.keep("inbox", {"headers/cat/1.txt": b"one"})
    source = {"storage": "inbox", "prefix": "headers"}
    imported = served.client.post("/api/v1/datasets", json={"name": "headers", "source": source})
    served.done(imported)
    dataset = f"/api/v1/datasets/{imported.json()['dataset']['id']}"
    job = served.done(served.client.post(f"{dataset}/downloads", json={}))

    addresses = {
        "dataset_files_read": f"{dataset}/files/cat/1.txt",
        "dataset_files_read_manifest": f"{dataset}/manifest",
        "links_fetch": job["result"]["download"]["url"],
    }
    for operation, address in addresses.items():
        whole = served.client.get(address)
        asked = ({"Range": "bytes=0-0"}, {"Range": "bytes=999999-"}, {"If-None-Match": whole.headers["ETag"]})
        answers = [whole, *(served.client.get(address, headers=each) for each in asked)]
        assert [answer.status_code for answer in answers] == [200, 206, 416, 304]
        for answer in answers:
            _is_declared(document, operation, answer)
        parameters = {each["name"] for each in _operations(document)[operation]["parameters"]}
        assert {"Range", "If-Range", "If-None-Match"} <= parameters
    for operation in ("dataset_files_look", "links_look"):
        address = addresses[operation.replace("look", "read" if "files" in operation else "fetch")]
        _is_declared(document, operation, served.client.head(address))


def test_what_is_made_says_where_it_is(document) -> None:
    for operation in _operations(document).values():
        for status in {"201", "202"} & operation["responses"].keys():
            assert "Location" in operation["responses"][status]["headers"]


def _is_declared(document: dict[str, Any], operation: str, answer: httpx.Response) -> None:
    responses = _operations(document)[operation]["responses"]
    declared = {name.lower() for name in responses[str(answer.status_code)].get("headers", {})}
    spoken = {name for name in answer.headers if SPOKEN.fullmatch(name)}

    assert spoken <= declared, (operation, answer.status_code)
