"""Import of a tar whose names are in an encoding that its first names do not show."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from raw_tar import member, tar
from workbench import Workbench

from datacenter.datasets.manifest import read_rows
from datacenter.datasets.records import find_version
from datacenter.storages.object_file import ObjectSource

PATHS = ["一/1.jpg", "一/2.jpg", "中/1.jpg", "中/3.jpg"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    bench = Workbench(tmp_path)
    yield bench
    bench.close()


@pytest.mark.parametrize("name_encoding", [None, "gbk"])
def test_gbk_names_of_which_the_first_are_utf_8_by_chance_are_imported(
    bench: Workbench, name_encoding: str | None
) -> None:
    archive = tar(*(member(path.encode("gb18030"), path.encode()) for path in PATHS))
    new, job = bench.submit_import(archive, filename="data.tar", name_encoding=name_encoding)
    bench.work()

    ended, dataset = bench.job(job.id), bench.dataset(new.id)
    assert ended.state == "SUCCESS", ended.error
    assert (ended.files_done, ended.bytes_done) == (len(PATHS), len(archive))
    with bench.database.reading() as session:
        _, version = find_version(session, bench.project_id, dataset.id)
    storage = bench.resources.storages.open(dataset.storage)
    rows = pa.concat_tables(read_rows(storage, version.manifest_key, ["path", "labels", "key"])).to_pylist()
    assert {row["path"]: row["labels"] for row in rows} == {path: [path[0]] for path in PATHS}
    for row in rows:
        source = ObjectSource(storage, row["key"])
        assert source.read(0, source.size_bytes) == row["path"].encode()
