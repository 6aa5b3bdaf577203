"""Tables as Parquet files, for programs that know fsspec and nothing of this project."""

import subprocess
import sys
from collections.abc import Iterator

import fsspec
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from support.tables.places import PLACES, TablePlace

pytestmark = pytest.mark.real

ROWS = pa.table({"id": range(20_000), "name": [f"名{n}" for n in range(20_000)]})


@pytest.fixture(scope="module", params=["hive", "mysql"])
def place(request: pytest.FixtureRequest) -> Iterator[TablePlace]:
    with PLACES[request.param]() as found:
        found.fill(found.table("rows"), ROWS)
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


def test_a_path_becomes_a_url_without_the_password(fs: fsspec.AbstractFileSystem, place: TablePlace) -> None:
    url = fs.unstrip_protocol(f"{place.database}/rows.parquet")
    assert url.startswith(f"{place.kind}://127.0.0.1:")
    assert "@" not in url
    assert fs._strip_protocol(url) == f"{place.database}/rows.parquet"


@pytest.mark.parametrize("place", ["hive"], indirect=True)
def test_a_file_is_neither_written_nor_removed_where_tables_are_only_read(
    fs: fsspec.AbstractFileSystem, place: TablePlace
) -> None:
    path = f"{place.database}/rows.parquet"
    with pytest.raises(NotImplementedError, match="warehouse"):
        pq.write_table(ROWS, path, filesystem=fs)
    with pytest.raises(NotImplementedError, match="warehouse"):
        fs.rm_file(path)
    assert fs.exists(path)
