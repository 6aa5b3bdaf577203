"""Hostile archives over the REST API: refused with code and entry, nothing of them stays; odd ones come in whole."""

import csv
import io
import json
import os
import time
import zipfile
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.archives.hostile import HOSTILE, Hostile
from support.archives.reading import unpack
from support.archives.tools import CHECKS, checked_by

from datacenter.archives.errors import ArchiveRejected
from datacenter.archives.limits import Limits
from datacenter.client import Dataset, Job, Problem

LOOK_SECONDS = 0.3
AT_ONCE = 4
"""Uploads that are under way together."""
PATIENT = {"DATACENTER__LEDGER__LEASE_SECONDS": "30"}
"""No worker dies here: a worker that a busy machine holds up keeps its shard."""
SMALL_LIMITS = {
    **PATIENT,
    "DATACENTER__LIMITS__ENTRIES": "5",
    "DATACENTER__LIMITS__ENTRY_BYTES": str(1 << 20),
    "DATACENTER__LIMITS__TOTAL_BYTES": str(3 << 20),
    "DATACENTER__LIMITS__INDEX_BYTES": "1000",
}
"""Small enough for every row that has limits of its own; the other rows are imported with the default limits."""
NO_ENCODING = "zip and a request for no encoding at all"
"""Rejected by the request, before a job exists."""
ROWS = [row for row in HOSTILE if row.name != NO_ENCODING]
ROW_NAMES = [row.name for row in ROWS]
REFUSED = [row for row in ROWS if row.code is not None]
ACCEPTED = [row for row in ROWS if row.code is None]
TWICE = [
    row for row in REFUSED if row.name in {"zip with ../x", "tar with a hard link", "zip with a wrong CRC"}
]
"""Refused for a name, for a kind, and after some of it was stored."""
FORMULAS = ["=1+1", "+1", "-1", "@x", "'=quoted", "plain"]


# The first test waits for all of the imports; a busy machine takes its time for some hundreds of them.
pytestmark = [pytest.mark.real, pytest.mark.timeout(400)]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an archive, and what lay on the storage when its job had ended."""

    job: Job
    dataset: Dataset
    upload_id: str
    objects: list[str]


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """An import that was asked for."""

    centre: Any
    dataset_id: str
    job_id: str
    upload_id: str


@pytest.fixture(scope="module")
def centre(start_centre):
    """A data centre of its own: clearing up after hundreds of imports would take longer than starting it."""
    with start_centre(PATIENT) as started:
        yield started


@pytest.fixture(scope="module")
def strict_centre(start_centre):
    with start_centre(SMALL_LIMITS) as started:
        yield started


@pytest.fixture(scope="module")
def outcomes(centre, strict_centre, tmp_path_factory) -> dict[str, Outcome]:
    """Every row of the table: all are asked for before the first one is waited for."""
    folder = tmp_path_factory.mktemp("hostile")

    def submit(number: int, row: Hostile) -> Submitted:
        path = folder / str(number) / row.filename
        path.parent.mkdir()
        path.write_bytes(row.build())
        chosen = strict_centre if row.limits else centre
        upload_id = chosen.client.uploads.send(path)
        path.unlink()
        return submitted(chosen, f"hostile-{number}", upload_id, row.name_encoding)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = dict(zip(ROW_NAMES, pool.map(submit, range(len(ROWS)), ROWS), strict=True))
    ended: dict[str, Outcome] = {}
    for each in (strict_centre, centre):
        ended |= outcomes_of(each, [one for one in asked.values() if one.centre is each])
    return {name: ended[one.dataset_id] for name, one in asked.items()}


def submitted(centre, name: str, upload_id: str, name_encoding: str | None = None) -> Submitted:
    source = {"upload": upload_id}
    dataset, job = centre.client.datasets.create(name, source, name_encoding=name_encoding)
    return Submitted(centre=centre, dataset_id=dataset.id, job_id=job.id, upload_id=upload_id)


def outcomes_of(centre, asked: Collection[Submitted]) -> dict[str, Outcome]:
    """What became of imports, by dataset; all are looked at together, which is less work than watching each."""
    client, wanted = centre.client, {each.job_id for each in asked}
    while True:
        jobs = {job.id: job for job in client.jobs.list(kind="import") if job.id in wanted}
        if all(job.finished for job in jobs.values()):
            break
        time.sleep(LOOK_SECONDS)
    datasets = {dataset.id: dataset for dataset in client.datasets.list()}
    return {
        each.dataset_id: Outcome(
            job=jobs[each.job_id],
            dataset=datasets[each.dataset_id],
            upload_id=each.upload_id,
            objects=objects_of(centre, each.dataset_id),
        )
        for each in asked
    }


def objects_of(centre, dataset_id: str) -> list[str]:
    """Names of objects; a walk passes over what the sweep removes at the same time."""
    folder = centre.storage / "datasets" / dataset_id
    return [name for _, _, names in os.walk(folder) for name in names]


def imported(centre, name: str, upload_id: str) -> Outcome:
    asked = submitted(centre, name, upload_id)
    centre.client.jobs.wait(asked.job_id)
    return outcomes_of(centre, [asked])[asked.dataset_id]


def sent(centre, path: Path, files: dict[str, str]) -> str:
    with zipfile.ZipFile(path, "w") as file:
        for name, text in files.items():
            file.writestr(name, text)
    return centre.client.uploads.send(path)


def expected_entry(row: Hostile) -> str | None:
    """The offending entry as reading the archive by itself names it."""
    with pytest.raises(ArchiveRejected) as rejected:
        unpack(row.build(), row.filename, Limits(**row.limits), name_encoding=row.name_encoding)
    return rejected.value.entry


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.name)
def test_a_hostile_archive_is_refused_and_nothing_of_it_stays(outcomes, centre, strict_centre, row: Hostile):
    outcome = outcomes[row.name]

    assert outcome.job.state == "FAILURE"
    assert outcome.job.error is not None
    assert outcome.job.error.code == row.code, outcome.job.error
    assert outcome.job.error.entry == expected_entry(row)
    assert (outcome.job.error.message + (outcome.job.error.entry or "")).isprintable()
    assert outcome.job.attempts == 1
    assert (outcome.dataset.state, outcome.dataset.version, outcome.dataset.files) == ("FAILED", 0, 0)
    assert outcome.objects == []
    (strict_centre if row.limits else centre).client.uploads.remove(outcome.upload_id)


def test_a_request_for_an_encoding_that_names_cannot_have_is_refused_at_once(centre, tmp_path):
    (row,) = (row for row in HOSTILE if row.name == NO_ENCODING)
    path = tmp_path / row.filename
    path.write_bytes(row.build())

    with pytest.raises(Problem) as refused:
        submitted(centre, "no-encoding", centre.client.uploads.send(path), row.name_encoding)

    assert refused.value.status == 422
    assert "name_encoding" in refused.value.detail
    assert [dataset.name for dataset in centre.client.datasets.list(q="no-encoding")] == []


@pytest.mark.parametrize("row", ACCEPTED, ids=lambda row: row.name)
def test_an_odd_archive_comes_in_with_the_right_names(outcomes, centre, strict_centre, row: Hostile):
    outcome = outcomes[row.name]
    client = (strict_centre if row.limits else centre).client

    assert outcome.job.state == "SUCCESS", outcome.job.error
    assert outcome.dataset.state == "READY"
    assert outcome.job.result is not None
    assert bool(outcome.job.result["warnings"]) == row.warns, outcome.job.result
    if row.paths is not None:
        # A manifest is in the order of its paths' bytes, an archive in any.
        assert [file.path for file in client.datasets.files(outcome.dataset.id)] == sorted(
            row.paths, key=str.encode
        )
    assert outcome.dataset.files == outcome.job.progress.files_done


def test_nothing_half_made_stays_in_the_storages_own_area(outcomes, centre, strict_centre):
    assert len(outcomes) == len(ROWS)
    for each in (centre, strict_centre):
        area = each.storage / ".datacenter"
        assert [path for path in area.rglob("*") if path.is_file()] == []


@pytest.fixture(scope="module")
def zip64(outcomes, centre, tmp_path_factory) -> Path:
    """A dataset of more files than a zip without ZIP64 can count, as it comes out again."""
    downloads, dataset = centre.client.downloads, outcomes["zip with more than 65,535 entries"].dataset
    job = centre.client.jobs.wait(downloads.of_dataset(dataset.id, delivery="stream"))
    url = downloads.of_job(job).url
    assert url is not None
    return downloads.fetch(url, tmp_path_factory.mktemp("zip64") / "many.zip")


def test_python_opens_a_zip_of_more_than_65535_files(zip64: Path):
    with zipfile.ZipFile(zip64) as archive:
        assert len(archive.namelist()) == 65_537 + 2
        assert archive.testzip() is None


@pytest.mark.parametrize("command", CHECKS["zip"], ids=lambda command: command[0])
def test_a_program_that_people_have_opens_a_zip_of_more_than_65535_files(zip64: Path, command: list[str]):
    checked_by(command, zip64)


@pytest.mark.parametrize("row", TWICE, ids=lambda row: row.name)
def test_the_upload_of_a_refused_archive_can_be_imported_again(centre, tmp_path, row: Hostile):
    path = tmp_path / row.filename
    path.write_bytes(row.build())
    upload_id = centre.client.uploads.send(path)

    first, second = (imported(centre, f"{name} {row.name}", upload_id) for name in ("first", "second"))

    assert [each.job.error.code for each in (first, second) if each.job.error] == [row.code, row.code]
    assert second.objects == []


@pytest.mark.parametrize(
    "labels",
    [
        {"labels.csv": "path,label\n../../etc/passwd,cat\n"},
        {"labels.jsonl": '{"path": "../../etc/passwd", "labels": ["cat"]}\n'},
        {"labels.csv": "path,label\n/etc/passwd,cat\n"},
    ],
    ids=["csv", "jsonl", "absolute"],
)
def test_a_label_file_that_names_files_outside_is_refused(centre, tmp_path, labels: dict[str, str]):
    upload_id = sent(centre, tmp_path / "labelled.zip", {"a.png": "picture", **labels})

    outcome = imported(centre, tmp_path.name, upload_id)

    assert outcome.job.state == "FAILURE"
    assert outcome.job.error is not None
    assert outcome.job.error.code == "UNSAFE_REFERENCE"
    assert outcome.job.error.entry is not None
    assert outcome.job.error.entry.endswith("/etc/passwd")
    assert outcome.dataset.state == "FAILED"
    assert outcome.objects == []


def test_cells_that_look_like_formulas_are_data_and_a_csv_for_people_guards_them(centre, tmp_path):
    files = {f"{number}.png": "picture" for number in range(len(FORMULAS))}
    upload_id = sent(
        centre, tmp_path / "formulas.zip", {**files, "labels.jsonl": _jsonl(files), "=name.png": "picture"}
    )
    outcome = imported(centre, "formulas", upload_id)
    assert set(outcome.dataset.labels) == set(FORMULAS)

    _, job = centre.client.exports.create([outcome.dataset.id], label_format="csv")
    export_id = (centre.client.jobs.wait(job).result or {})["export"]
    link = centre.client.downloads.of_job(
        centre.client.jobs.wait(centre.client.downloads.of_export(export_id))
    )
    with zipfile.ZipFile(io.BytesIO(httpx.get(str(link.url)).content)) as archive:
        assert "=name.png" in archive.namelist()
        text = archive.read("labels.csv").decode("utf-8-sig")
    cells = {row["path"]: row["labels"] for row in csv.DictReader(io.StringIO(text, newline=""))}

    assert "'=name.png" in cells
    assert [cells[name] for name in files] == ["'=1+1", "'+1", "'-1", "'@x", "''=quoted", "plain"]


def _jsonl(files: dict[str, str]) -> str:
    rows = ({"path": name, "labels": [label]} for name, label in zip(files, FORMULAS, strict=True))
    return "".join(json.dumps(row) + "\n" for row in rows)
