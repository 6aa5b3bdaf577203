"""A table of MariaDB and of Hive's protocol by the REST API and the command line: registered, imported, exported by
label, deleted, dropped meanwhile; with a worker killed.
"""

import csv
import io
import json
import os
import signal
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.jobs.ledger_watch import LedgerWatch, watching
from support.jobs.rest_jobs import files_under, link_of, run
from support.tables.columns import COLUMNS
from support.tables.places import PLACES, TablePlace

from datacenter.client import Job, LabelFilter

pytestmark = pytest.mark.real

ROWS = 3_000
LABELS = ("猫", "dog", "cat", None, "")
"""Of a row by its id; every label lies in every piece of the table."""
MANY_SHARDS = {"DATACENTER__SHARDS__ROWS": "50", "DATACENTER__LEDGER__LEASE_SECONDS": "3"}
PARTS = {"mysql": ROWS // 50, "hive": 4}
"""Of the whole table. Hive's are its own partitions, however many rows they have."""
ON_MYSQL = pytest.mark.parametrize("place", ["mysql"], indirect=True)
"""Independent of the server; many pieces, or quick ones, are better."""
ON_HIVE = pytest.mark.parametrize("place", [name for name in PLACES if name != "mysql"], indirect=True)


@pytest.fixture(scope="module")
def centre(start_centre):
    """A data centre that cuts tables small, so that there is always a middle to be caught in."""
    with start_centre(MANY_SHARDS) as started:
        yield started


@pytest.fixture(scope="module")
def watch(centre) -> Iterator[LedgerWatch]:
    with watching(centre.database) as ledger:
        yield ledger


@pytest.fixture(scope="module", params=list(PLACES))
def place(request: pytest.FixtureRequest) -> Iterator[TablePlace]:
    """A server with a table of three labels and some rows without, in pieces."""
    with PLACES[request.param]() as found:
        found.fill_in_pieces(found.table("animals"), animals())
        yield found


def animals() -> pa.Table:
    ids = range(1, ROWS + 1)
    return pa.table(
        {
            "id": ids,
            "label": [LABELS[number % len(LABELS)] for number in ids],
            "note": ["x" * (number % 900) for number in ids],
        }
    )


@pytest.fixture(scope="module")
def warehouse(centre, place: TablePlace) -> Iterator[str]:
    """The server, registered by request, the password as an option."""
    parts = urlsplit(place.url)
    secret = {"password": parts.password} if parts.password else {}
    centre.client.storages.add(
        "warehouse",
        kind=place.kind,
        url=urlunsplit(parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}")),
        role="source",
        options={**place.options, **secret},
    )
    assert centre.client.storages.check("warehouse").ok
    yield "warehouse"
    centre.client.storages.remove("warehouse")


@pytest.fixture(scope="module")
def source(warehouse: str, place: TablePlace) -> dict[str, str]:
    """The table as the source of an import."""
    return {"storage": warehouse, "table": f"{place.database}.animals"}


@contextmanager
def standing_still(pids: list[int]) -> Iterator[None]:
    """Processes that are stopped, whether they were already or not, and go on afterwards."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def succeeds(centre, job: Job) -> None:
    ended = centre.client.jobs.wait(job)
    assert ended.state == "SUCCESS", ended.error


def fetched(url: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(httpx.get(url, timeout=60).content))


def ids_in(archive: zipfile.ZipFile) -> list[int]:
    """The ids of all rows in the Parquet parts of an archive."""
    parts = sorted(name for name in archive.namelist() if name.endswith(".parquet"))
    return [
        number for name in parts for number in pq.read_table(io.BytesIO(archive.read(name)))["id"].to_pylist()
    ]


def test_a_table_all_the_way_on_the_command_line(centre, place, source, tmp_path: Path, name: str) -> None:
    table, target = source["table"], tmp_path / "cats.zip"
    said = run(centre, "datasets", "import", name, "--from", source["storage"], "--table", table)
    assert said.startswith(f"imported {name}: 3,000 rows in {PARTS[place.kind]} parts, ")
    assert "labels: cat (600), dog (600), 猫 (600)" in said

    shown = json.loads(run(centre, "datasets", "show", name, "--json"))
    assert (shown["kind"], shown["rows"], shown["label_column"]) == ("table", ROWS, "label")

    run(
        centre,
        "export",
        name,
        "--label",
        "猫",
        "--exclude-label",
        "dog",
        "--table-format",
        "csv",
        "-o",
        str(target),
    )
    with zipfile.ZipFile(target) as archive:
        texts = [archive.read(each).decode() for each in archive.namelist() if each.endswith(".csv")]
    rows = [row for text in texts for row in csv.DictReader(io.StringIO(text))]
    assert sorted((int(row["id"]), row["label"], len(row["note"])) for row in rows) == [
        (number, "猫", number % 900) for number in range(5, ROWS + 1, 5)
    ]

    query = f"SELECT id, note AS label FROM {table} WHERE id <= 10"
    arguments = ("--from", source["storage"], "--query", query, "--label-column", "", "--json")
    made = json.loads(run(centre, "datasets", "import", f"{name}-query", *arguments))["dataset"]
    assert (made["rows"], made["label_column"], made["labels"]) == (10, None, {})


def test_every_type_of_the_server_goes_through_to_an_export(centre, place, warehouse, name) -> None:
    columns = COLUMNS[place.kind]
    place.run(*columns.create("typed"))
    dataset, job = centre.client.datasets.create(
        name, {"storage": warehouse, "table": f"{place.database}.typed"}
    )
    succeeds(centre, job)

    made, job = centre.client.exports.create([dataset.id], table_format="jsonl")

    succeeds(centre, job)
    archive = fetched(link_of(centre.client, centre.client.downloads.of_export(made.id)))
    (part,) = (each for each in archive.namelist() if each.startswith("part-"))
    assert sorted(map(json.loads, archive.read(part).splitlines()), key=lambda row: row["id"]) == [
        {"id": 1, **columns.values(2)},
        {"id": 2, **dict.fromkeys(columns.sql)},
    ]


def test_deleting_a_table_dataset_removes_its_objects_and_leaves_the_table(
    centre, place, source, name
) -> None:
    dataset, job = centre.client.datasets.create(name, source)
    succeeds(centre, job)
    assert files_under(centre.storage / "datasets" / dataset.id)

    succeeds(centre, centre.client.datasets.delete(dataset.id))

    assert files_under(centre.storage / "datasets" / dataset.id) == []
    assert "animals" in [info.name.table for info in place.open().list_tables(place.database)]


@ON_HIVE
def test_a_table_dropped_while_it_is_imported_fails_the_job_and_leaves_nothing(
    centre, watch, place, warehouse, name
) -> None:
    """Every worker stands still meanwhile, one partition is done and another one has not begun."""
    table = place.table("fleeting")
    place.run(
        "CREATE TABLE fleeting USING parquet PARTITIONED BY (piece)"
        " AS SELECT id, id % 20 AS piece FROM range(100)"
    )
    dataset, job = centre.client.datasets.create(name, {"storage": warehouse, "table": str(table)})
    watch.stop_in_the_middle(job.id)
    with standing_still(centre.worker_children()):
        assert {shard.state for shard in watch.shards(job.id).values()} >= {"DONE", "READY"}

        place.drop(table)

    ended = centre.client.jobs.wait(job)
    assert ended.state == "FAILURE"
    assert ended.error is not None
    assert ended.error.code in ("TABLE_MISSING", "TABLE_CHANGED"), ended.error  # before a read, and in one
    assert files_under(centre.storage / "datasets" / dataset.id) == []
    assert list(place.files.list_objects("staging/")) == []


@ON_MYSQL
def test_an_import_whose_worker_is_killed_has_every_row_once_and_leaves_nothing_else(
    centre, watch, source, name
) -> None:
    dataset, job = centre.client.datasets.create(name, source)

    os.kill(watch.stop_in_the_middle(job.id).held.pid, signal.SIGKILL)

    succeeds(centre, job)
    made = centre.client.datasets.get(dataset.id)
    assert (made.rows, made.files) == (ROWS, ROWS // 50)
    stream = centre.client.downloads.of_dataset(dataset.id, delivery="stream")
    assert ids_in(fetched(link_of(centre.client, stream))) == list(range(1, ROWS + 1))
    assert len(files_under(centre.storage / "datasets" / dataset.id / "objects")) == made.files


@ON_MYSQL
def test_an_export_whose_worker_is_killed_has_the_rows_that_were_asked_for(
    centre, watch, source, name
) -> None:
    dataset, job = centre.client.datasets.create(name, source)
    succeeds(centre, job)
    made, job = centre.client.exports.create([dataset.id], labels=LabelFilter(none=("dog", "cat")))

    os.kill(watch.stop_in_the_middle(job.id).held.pid, signal.SIGKILL)

    succeeds(centre, job)
    found = ids_in(fetched(link_of(centre.client, centre.client.downloads.of_export(made.id))))
    assert found == [number for number in range(1, ROWS + 1) if LABELS[number % 5] not in ("dog", "cat")]


@ON_MYSQL
def test_the_labels_of_a_table_cannot_be_changed_here(centre, source, name) -> None:
    dataset, job = centre.client.datasets.create(name, source)
    succeeds(centre, job)
    body = {"select": {"prefix": ""}, "add": ["new"]}
    headers = {"Authorization": f"Bearer {centre.token}"}

    refused = httpx.post(f"{centre.url}/api/v1/datasets/{dataset.id}/labels", json=body, headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    assert "label column" in refused.json()["detail"]
