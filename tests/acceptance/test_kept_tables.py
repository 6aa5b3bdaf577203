"""Datasets that are kept as tables on MariaDB, by the REST API and the command line, with real processes: killed, cancelled,
deleted, restored. After each of them the database of the tables is looked at.
"""

import io
import json
import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.jobs.ledger_watch import LedgerWatch, watching
from support.jobs.rest_jobs import eventually, files_under, link_of, run
from support.tables.columns import COLUMNS
from support.tables.places import MysqlPlace, mysql_place

from datacenter.client import Dataset, Job, LabelFilter, Problem

pytestmark = pytest.mark.real

ROWS = 1_000
LABELS = ("猫", "dog", "cat", None, "")
"""Of a row by its id; every label lies in every piece of the table."""
MANY_SHARDS = {"DATACENTER__SHARDS__ROWS": "50", "DATACENTER__LEDGER__LEASE_SECONDS": "3"}
KEEPER = "mysql-platform"


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
def shop(centre) -> Iterator[MysqlPlace]:
    """A server with a table of three labels and some rows without, in pieces; registered as a source."""
    with mysql_place() as place:
        ids = range(1, ROWS + 1)
        animals = {
            "id": ids,
            "label": [LABELS[number % len(LABELS)] for number in ids],
            "note": ["x" * (number % 900) for number in ids],
        }
        place.fill_in_pieces(place.table("animals"), pa.table(animals))
        register(centre, place, "shop", role="source")
        yield place


@pytest.fixture(scope="module")
def keeper(centre) -> Iterator[MysqlPlace]:
    """The database in which tables are kept; registered as a platform."""
    with mysql_place() as place:
        register(centre, place, KEEPER, role="both", database=place.database)
        yield place
        centre.client.storages.remove(KEEPER)  # nothing of any test stands on it any more


def register(centre, place: MysqlPlace, name: str, *, role: str, **options: str) -> None:
    parts = urlsplit(place.url)
    url = urlunsplit(parts._replace(netloc=f"{parts.username}@{parts.hostname}:{parts.port}"))
    centre.client.storages.add(
        name, kind="mysql", url=url, role=role, options={**options, "password": parts.password or ""}
    )
    assert centre.client.storages.check(name).ok


@pytest.fixture
def source(shop: MysqlPlace) -> dict[str, str]:
    return {"storage": "shop", "table": f"{shop.database}.animals"}


def names(keeper: MysqlPlace) -> list[str]:
    """Every table of the database, those that no listing shows among them."""
    return [name for row in keeper.run("SHOW TABLES") for name in row.values()]


def begun(centre, keeper: MysqlPlace, name: str, source: dict[str, str]) -> tuple[Dataset, Job]:
    assert names(keeper) == [], "the test before left nothing"
    return centre.client.datasets.create(name, source, storage=KEEPER)


def succeeds(centre, job: Job) -> None:
    ended = centre.client.jobs.wait(job)
    assert ended.state == "SUCCESS", ended.error


def kept(centre, keeper: MysqlPlace, name: str, source: dict[str, str]) -> Dataset:
    dataset, job = begun(centre, keeper, name, source)
    succeeds(centre, job)
    return centre.client.datasets.get(dataset.id)


def removed(centre, keeper: MysqlPlace, dataset: Dataset) -> None:
    succeeds(centre, centre.client.datasets.delete(dataset.id))
    assert names(keeper) == []
    assert files_under(centre.storage / "datasets" / dataset.id) == []


def fetched(url: str) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(httpx.get(url, timeout=60).content))


def ids_in(archive: zipfile.ZipFile) -> list[int]:
    """The ids of all rows in the Parquet parts of an archive."""
    parts = sorted(name for name in archive.namelist() if name.endswith(".parquet"))
    return [
        number for name in parts for number in pq.read_table(io.BytesIO(archive.read(name)))["id"].to_pylist()
    ]


def test_a_table_goes_in_and_comes_out_by_label(centre, keeper, source, name) -> None:
    dataset = kept(centre, keeper, name, source)

    (table,) = names(keeper)
    assert (dataset.storage, dataset.table) == (KEEPER, f"{keeper.database}.{table}")
    assert (dataset.rows, dataset.files) == (ROWS, ROWS // 50)
    assert dataset.labels == {"cat": ROWS // 5, "dog": ROWS // 5, "猫": ROWS // 5}
    found = keeper.run(f"SELECT * FROM `{table}` ORDER BY id")
    assert [(row["id"], row["label"]) for row in found] == [
        (number, LABELS[number % 5]) for number in range(1, ROWS + 1)
    ]
    assert set(found[0]) == {"id", "label", "note"}, "what it is in pieces by is not seen"

    made, job = centre.client.exports.create([dataset.id], labels=LabelFilter(any=("猫",)))
    succeeds(centre, job)
    archive = fetched(link_of(centre.client, centre.client.downloads.of_export(made.id)))
    assert ids_in(archive) == list(range(5, ROWS + 1, 5))
    stream = centre.client.downloads.of_dataset(dataset.id, delivery="stream")
    assert ids_in(fetched(link_of(centre.client, stream))) == list(range(1, ROWS + 1))
    removed(centre, keeper, dataset)


def test_a_query_all_the_way_on_the_command_line(centre, shop, keeper, name, tmp_path: Path) -> None:
    query = f"SELECT id, label FROM {shop.database}.animals WHERE id <= 100"
    said = run(centre, "datasets", "import", name, "--from", "shop", "--query", query, "--storage", KEEPER)
    assert said.startswith(f"imported {name}: 100 rows in 1 part, ")

    shown = json.loads(run(centre, "datasets", "show", name, "--json"))
    assert (shown["storage"], shown["table"]) == (KEEPER, f"{keeper.database}.{names(keeper)[0]}")
    target = tmp_path / "cats.zip"
    run(centre, "export", name, "--label", "cat", "-o", str(target))
    with zipfile.ZipFile(target) as archive:
        assert ids_in(archive) == list(range(2, 101, 5))
    run(centre, "datasets", "delete", name, "--yes")
    assert names(keeper) == []


def test_every_type_comes_out_as_it_went_in(centre, shop, keeper, name) -> None:
    columns = COLUMNS["mysql"]
    shop.run(*columns.create("typed"))
    dataset = kept(centre, keeper, name, {"storage": "shop", "query": f"SELECT * FROM {shop.database}.typed"})

    made, job = centre.client.exports.create([dataset.id], table_format="jsonl")

    succeeds(centre, job)
    archive = fetched(link_of(centre.client, centre.client.downloads.of_export(made.id)))
    (part,) = (each for each in archive.namelist() if each.startswith("part-"))
    assert sorted(map(json.loads, archive.read(part).splitlines()), key=lambda row: row["id"]) == [
        {"id": 1, **columns.values(2)},
        {"id": 2, **dict.fromkeys(columns.sql)},
    ]
    removed(centre, keeper, dataset)


def test_an_import_whose_worker_is_killed_has_every_row_once_and_leaves_nothing_else(
    centre, watch, keeper, source, name
) -> None:
    dataset, job = begun(centre, keeper, name, source)

    os.kill(watch.stop_in_the_middle(job.id).held.pid, signal.SIGKILL)

    succeeds(centre, job)
    (table,) = names(keeper)
    found = keeper.run(f"SELECT COUNT(*) AS count, COUNT(DISTINCT id) AS ids FROM `{table}`")
    assert found == [{"count": ROWS, "ids": ROWS}]
    stream = centre.client.downloads.of_dataset(dataset.id, delivery="stream")
    assert ids_in(fetched(link_of(centre.client, stream))) == list(range(1, ROWS + 1))
    removed(centre, keeper, dataset)


def test_a_worker_that_wakes_up_after_its_shard_was_done_by_another_adds_no_row(
    centre, watch, keeper, source, name
) -> None:
    _, job = begun(centre, keeper, name, source)
    pid = watch.stop_in_the_middle(job.id).held.pid
    dataset = centre.client.datasets.get(job.dataset_ids[0])
    try:
        succeeds(centre, job)
    finally:
        os.kill(pid, signal.SIGCONT)

    (table,) = names(keeper)
    assert keeper.run(f"SELECT COUNT(*) AS count FROM `{table}`") == [{"count": ROWS}]
    removed(centre, keeper, dataset)


def test_an_import_that_is_cancelled_leaves_nothing(centre, watch, keeper, source, name) -> None:
    dataset, job = begun(centre, keeper, name, source)
    pid = watch.stop_in_the_middle(job.id).held.pid
    assert names(keeper) != []

    centre.client.jobs.cancel(job.id)
    os.kill(pid, signal.SIGCONT)

    assert centre.client.jobs.wait(job).state == "REVOKED"
    assert names(keeper) == []
    assert files_under(centre.storage / "datasets" / dataset.id) == []
    removed(centre, keeper, dataset)


def test_an_import_that_fails_leaves_nothing_and_can_begin_anew(centre, shop, keeper, name) -> None:
    shop.run("CREATE TABLE spoilt (id INT PRIMARY KEY, label VARCHAR(300))")
    shop.run("INSERT INTO spoilt SELECT id, IF(id = 900, REPEAT('x', 300), 'cat') FROM animals ")
    dataset, job = begun(centre, keeper, name, {"storage": "shop", "table": f"{shop.database}.spoilt"})
    ended = centre.client.jobs.wait(job)
    assert (ended.state, ended.error and ended.error.code) == ("FAILURE", "BAD_LABELS")
    eventually(lambda: names(keeper) == [], "the failed import left a table")

    shop.run("UPDATE spoilt SET label = 'dog' WHERE id = 900")
    succeeds(centre, centre.client.jobs.retry(job.id))

    assert centre.client.datasets.get(dataset.id).labels == {"cat": ROWS - 1, "dog": 1}
    removed(centre, keeper, dataset)


def test_a_dataset_that_is_deleted_while_it_is_imported_leaves_nothing(
    centre, watch, keeper, source, name
) -> None:
    dataset, job = begun(centre, keeper, name, source)
    os.kill(watch.stop_in_the_middle(job.id).held.pid, signal.SIGKILL)

    deletion = centre.client.datasets.delete(dataset.id)

    with pytest.raises(Problem):
        centre.client.datasets.get(dataset.id)
    succeeds(centre, deletion)
    assert names(keeper) == []


def test_within_its_grace_period_a_table_stays_and_is_restored_and_then_it_is_dropped(
    centre, keeper, source, name
) -> None:
    dataset = kept(centre, keeper, name, source)
    deletion = centre.client.datasets.delete(dataset.id, grace_seconds=3600)
    assert len(names(keeper)) == 1

    restored = centre.client.datasets.restore(dataset.id)

    assert centre.client.jobs.wait(deletion).state == "REVOKED"
    assert (restored.state, restored.table) == ("READY", dataset.table)
    stream = centre.client.downloads.of_dataset(dataset.id, delivery="stream")
    assert ids_in(fetched(link_of(centre.client, stream))) == list(range(1, ROWS + 1))
    succeeds(centre, centre.client.datasets.delete(dataset.id, grace_seconds=1))
    assert names(keeper) == []


def test_a_storage_that_keeps_a_table_stays_registered(centre, keeper, source, name) -> None:
    dataset = kept(centre, keeper, name, source)

    with pytest.raises(Problem) as refused:
        centre.client.storages.remove(KEEPER)

    assert refused.value.code == "STORAGE_IN_USE"
    removed(centre, keeper, dataset)
