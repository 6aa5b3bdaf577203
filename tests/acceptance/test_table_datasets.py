"""A table of a MariaDB by the REST API and the command line: registered, imported, exported by label, deleted; with a worker killed."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pyarrow.parquet as pq
import pytest
from ledger_watch import LedgerWatch, watching
from rest_jobs import files_under, link_of
from table_places import TablePlace, mysql_place

from datacenter.client import Job, LabelFilter

pytestmark = pytest.mark.real

ROWS = 3_000
MANY_SHARDS = {"DATACENTER__SHARDS__ROWS": "50", "DATACENTER__LEDGER__LEASE_SECONDS": "3"}


@pytest.fixture(scope="module")
def centre(start_centre):
    """A data centre that cuts tables small, so that there is always a middle to be caught in."""
    with start_centre(MANY_SHARDS) as started:
        yield started


@pytest.fixture(scope="module")
def watch(centre) -> Iterator[LedgerWatch]:
    with watching(centre.database) as ledger:
        yield ledger


@pytest.fixture(scope="module")
def place() -> Iterator[TablePlace]:
    """A server with a table of three labels and some rows without."""
    with mysql_place() as found:
        found.run(
            "CREATE TABLE animals (id INT PRIMARY KEY, label VARCHAR(20), note TEXT)",
            "INSERT INTO animals SELECT seq, ELT(seq % 4 + 1, '猫', 'dog', 'cat', NULL), REPEAT('x', seq % 900)"
            f" FROM seq_1_to_{ROWS}",
        )
        yield found


@pytest.fixture(scope="module")
def source(centre, place: TablePlace) -> dict[str, str]:
    """The table as the source of an import; its server is registered by request, the password as an option."""
    parts = urlsplit(place.url)
    centre.client.storages.add(
        "animals-db",
        kind="mysql",
        url=f"mysql://{parts.username}@{parts.hostname}:{parts.port}",
        role="source",
        options={"password": parts.password or ""},
    )
    assert centre.client.storages.check("animals-db").ok
    return {"storage": "animals-db", "table": f"{place.database}.animals"}


def run(centre, *arguments: str) -> str:
    """What `datacenter …` prints."""
    environment = {
        **centre.environment,
        "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "datacenter.cli", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


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
    assert said.startswith(f"imported {name}: 3,000 rows in 60 parts, ")
    assert "labels: cat (750), dog (750), 猫 (750)" in said

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
    assert [(int(row["id"]), row["label"]) for row in rows] == [
        (number, "猫") for number in range(4, ROWS + 1, 4)
    ]

    query = f"SELECT id, note AS label FROM {table} WHERE id <= 10"
    arguments = ("--from", source["storage"], "--query", query, "--label-column", "", "--json")
    made = json.loads(run(centre, "datasets", "import", f"{name}-query", *arguments))["dataset"]
    assert (made["rows"], made["label_column"], made["labels"]) == (10, None, {})


def test_deleting_a_table_dataset_removes_its_objects_and_leaves_the_table(
    centre, place, source, name
) -> None:
    dataset, job = centre.client.datasets.create(name, source)
    succeeds(centre, job)
    assert files_under(centre.storage / "datasets" / dataset.id)

    succeeds(centre, centre.client.datasets.delete(dataset.id))

    assert files_under(centre.storage / "datasets" / dataset.id) == []
    assert "animals" in [info.name.table for info in place.open().list_tables(place.database)]


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


def test_an_export_whose_worker_is_killed_has_the_rows_that_were_asked_for(
    centre, watch, source, name
) -> None:
    dataset, job = centre.client.datasets.create(name, source)
    succeeds(centre, job)
    made, job = centre.client.exports.create([dataset.id], labels=LabelFilter(none=("dog", "cat")))

    os.kill(watch.stop_in_the_middle(job.id).held.pid, signal.SIGKILL)

    succeeds(centre, job)
    found = ids_in(fetched(link_of(centre.client, centre.client.downloads.of_export(made.id))))
    assert found == [number for number in range(1, ROWS + 1) if number % 4 in (0, 3)]


def test_the_labels_of_a_table_cannot_be_changed_here(centre, source, name) -> None:
    dataset, job = centre.client.datasets.create(name, source)
    succeeds(centre, job)
    body = {"select": {"prefix": ""}, "add": ["new"]}
    headers = {"Authorization": f"Bearer {centre.token}"}

    refused = httpx.post(f"{centre.url}/api/v1/datasets/{dataset.id}/labels", json=body, headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    assert "label column" in refused.json()["detail"]
