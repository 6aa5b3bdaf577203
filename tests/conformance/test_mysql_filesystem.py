"""MySQL tables written as Parquet files; reading is in `test_table_filesystem`."""

from collections.abc import Iterator

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.tables.places import TablePlace, mysql_place

pytestmark = pytest.mark.real

ROWS = pa.table({"id": range(20_000), "name": [f"名{n}" for n in range(20_000)]})


@pytest.fixture(scope="module")
def place() -> Iterator[TablePlace]:
    with mysql_place() as found:
        yield found


@pytest.fixture
def fs(place: TablePlace) -> fsspec.AbstractFileSystem:
    return fsspec.url_to_fs(place.url)[0]


def test_a_written_file_is_a_table_and_replaces_an_older_one(
    fs: fsspec.AbstractFileSystem, place: TablePlace
) -> None:
    path = f"{place.database}/new.parquet"
    for rows in (ROWS.slice(0, 10), ROWS):
        pq.write_table(rows, path, filesystem=fs)
        with fs.open(path) as file:
            assert pq.read_table(file) == rows
    with pytest.raises(FileExistsError), fs.open(path, "xb"):
        pass
    fs.cp_file(path, f"{place.database}/copy.parquet")
    assert place.open().describe(place.table("copy")) == ROWS.schema
    fs.rm([path, f"{place.database}/copy.parquet"])
    assert not fs.exists(path)
    with pytest.raises(FileNotFoundError):
        fs.rm_file(path)


def test_a_file_that_is_not_finished_leaves_what_was_there(
    fs: fsspec.AbstractFileSystem, place: TablePlace
) -> None:
    path = f"{place.database}/kept.parquet"
    pq.write_table(ROWS, path, filesystem=fs)
    file = fs.open(path, "wb")
    pq.write_table(ROWS.slice(0, 1), file)
    file.__exit__(KeyError, KeyError(), None)
    with pytest.raises(pa.ArrowInvalid), fs.open(path, "wb") as file:
        file.write(b"not Parquet")
    assert place.open().describe(place.table("kept")) == ROWS.schema
    with fs.open(path) as file:
        assert pq.read_metadata(file).num_rows == 20_000
    fs.rm(path)


def test_a_database_is_emptied_only_recursively_and_stays(
    fs: fsspec.AbstractFileSystem, place: TablePlace
) -> None:
    with mysql_place() as other:
        other.open().write_table(other.table("a"), ROWS.schema, ROWS.to_batches())
        with pytest.raises(IsADirectoryError):
            fs.rm(other.database)
        fs.rm(other.database, recursive=True)
        assert fs.ls(other.database) == []
