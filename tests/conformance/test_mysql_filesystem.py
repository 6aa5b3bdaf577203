"""MySQL tables as Parquet files, for programs that know fsspec and nothing of this project."""

import subprocess
import sys
from collections.abc import Iterator

import fsspec
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from table_places import TablePlace, mysql_place

pytestmark = pytest.mark.real

ROWS = pa.table({"id": range(20_000), "name": [f"名{n}" for n in range(20_000)]})


@pytest.fixture(scope="module")
def place() -> Iterator[TablePlace]:
    with mysql_place() as found:
        found.open().write_table(found.table("rows"), ROWS.schema, ROWS.to_batches())
        yield found


@pytest.fixture
def fs(place: TablePlace) -> fsspec.AbstractFileSystem:
    return fsspec.url_to_fs(place.url)[0]


def test_databases_are_directories_and_tables_files(fs: fsspec.AbstractFileSystem, place: TablePlace) -> None:
    assert place.database in fs.ls("", detail=False)
    assert fs.isdir(place.database)
    assert fs.ls(place.database, detail=False) == [f"{place.database}/rows.parquet"]
    assert fs.info(f"{place.database}/rows.parquet")["type"] == "file"
    assert fs.glob(f"{place.database}/r*.parquet") == [f"{place.database}/rows.parquet"]
    assert not fs.exists(f"{place.database}/other.parquet")
    assert not fs.exists("nowhere")
    with pytest.raises(FileNotFoundError):
        fs.ls("nowhere")


def test_a_url_opens_a_table(place: TablePlace) -> None:
    with fsspec.open(f"{place.url}/{place.database}/rows.parquet") as file:
        assert pq.read_table(file) == ROWS
    with pytest.raises(FileNotFoundError):
        fsspec.open(f"{place.url}/{place.database}/nothing.parquet").open()


def test_pyarrow_reads_a_table_by_its_path(fs: fsspec.AbstractFileSystem, place: TablePlace) -> None:
    path = f"{place.database}/rows.parquet"
    assert pq.read_table(path, filesystem=fs, columns=["id"]) == ROWS.select(["id"])
    found = ds.dataset(path, filesystem=fs, format="parquet").to_table(filter=ds.field("id") < 3)
    assert found.num_rows == 3


def test_two_readers_get_the_same_bytes(fs: fsspec.AbstractFileSystem, place: TablePlace) -> None:
    """Pyarrow keeps the footer of a first `open` for a second one."""
    path = f"{place.database}/rows.parquet"
    assert fs.cat_file(path) == fs.cat_file(path)


def test_a_program_that_imports_nothing_of_ours_reads_a_table(place: TablePlace) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not among our dependencies")
    assert len(pandas.read_parquet(f"{place.url}/{place.database}/rows.parquet")) == 20_000


def test_reading_a_table_imports_nothing_of_the_data_centre(place: TablePlace) -> None:
    # Without threads: those of pyarrow may still hold a file of Python's when the program ends, and abort it
    # (apache/arrow#34314), whatever file that is.
    program = (
        "import sys, fsspec, pyarrow.parquet as pq\n"
        f"with fsspec.open('{place.url}/{place.database}/rows.parquet') as file:\n"
        "    print(pq.read_table(file, use_threads=False).num_rows)\n"
        "assert not {'datacenter', 'jobs'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("20000\n", "")


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


def test_a_path_becomes_a_url_without_the_password(fs: fsspec.AbstractFileSystem, place: TablePlace) -> None:
    url = fs.unstrip_protocol(f"{place.database}/rows.parquet")
    assert url.startswith("mysql://127.0.0.1:")
    assert "@" not in url
    assert fs._strip_protocol(url) == f"{place.database}/rows.parquet"
