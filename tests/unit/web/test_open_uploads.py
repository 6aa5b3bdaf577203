"""Uploads that are begun and never completed: a project may have only so many."""

import pytest

from datacenter.web import open_uploads

ADDRESS = "/api/v1/uploads"
HEADERS = {"Tus-Resumable": "1.0.0", "Upload-Length": "2"}


@pytest.fixture(autouse=True)
def few(monkeypatch) -> None:
    monkeypatch.setattr(open_uploads, "OPEN_UPLOADS", 6)


def headers_of(web, project: str) -> dict[str, str]:
    return {**HEADERS, "Authorization": f"Bearer {web.token_of(project)}"}


def test_a_project_may_begin_only_so_many_uploads_and_others_theirs(web) -> None:
    headers = headers_of(web, "begins many")
    begun = [web.client.post(ADDRESS, headers=headers) for _ in range(8)]

    assert [each.status_code for each in begun] == [201] * 6 + [503] * 2
    assert begun[-1].json()["code"] == "TOO_BUSY"
    assert int(begun[-1].headers["Retry-After"]) > 0
    assert begun[-1].headers["Tus-Resumable"] == "1.0.0"
    assert web.client.post(ADDRESS, headers=headers_of(web, "begins one")).status_code == 201
    web.client.delete(begun[0].headers["Location"], headers=headers)
    assert web.client.post(ADDRESS, headers=headers).status_code == 201


def test_completed_uploads_and_repeats_do_not_count(web) -> None:
    headers = headers_of(web, "completes many")
    body = {**headers, "Content-Type": "application/offset+octet-stream"}
    whole = [web.client.post(ADDRESS, headers=body, content=b"PK").status_code for _ in range(20)]
    keyed = {**headers, "Idempotency-Key": "same"}
    same = {web.client.post(ADDRESS, headers=keyed).headers["Location"] for _ in range(20)}

    assert set(whole) == {201}
    assert len(same) == 1
