"""Batches become a Parquet file and back, whole or not at all."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage_adapters.table_storage import spool
from storage_adapters.table_storage.spool import ParquetSink, spool_batches

TABLE = pa.table({"a": range(1000), "b": [f"文{n}" for n in range(1000)]})


def test_batches_are_read_back_from_the_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "MEMORY_BYTES", 100)
    monkeypatch.setattr(spool, "GROUP_BYTES", 2000)
    with spool_batches(iter(TABLE.to_batches(100))) as file, pq.ParquetFile(file) as parquet:
        assert parquet.num_row_groups > 3
        assert parquet.read() == TABLE


def test_a_source_that_breaks_leaves_no_file() -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield TABLE.to_batches()[0]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        spool_batches(broken())


def test_an_intake_hands_over_when_it_is_closed_and_only_then() -> None:
    taken: list[pa.Table] = []
    with ParquetSink(lambda schema, batches: taken.append(pa.Table.from_batches(batches, schema))) as file:
        pq.write_table(TABLE, file)
        assert taken == []
    file.close()
    assert taken == [TABLE]


def test_an_intake_left_by_an_exception_hands_nothing_over() -> None:
    taken: list[pa.Schema] = []
    file = ParquetSink(lambda schema, _batches: taken.append(schema))
    pq.write_table(TABLE, file)
    file.__exit__(KeyError, KeyError(), None)
    assert file.closed
    assert taken == []


def test_what_is_not_parquet_is_refused() -> None:
    with pytest.raises(pa.ArrowInvalid), ParquetSink(lambda _schema, _batches: None) as file:
        file.write(b"not Parquet")
