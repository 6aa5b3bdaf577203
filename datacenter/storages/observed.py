"""Observed storages: registered storages whose calls are counted, timed and traced, and whose errors name the storage.

The measured time is how long the caller waits for the storage. A streaming call is timed piece by piece: the time in
which the caller processes a piece does not count, nor does the time in which the caller produces its input, such as
the chunks of a part that come from another storage.

Errors that an adapter raises, and errors in the outcomes that it yields, have the registered name as their `storage`,
unless they came from another storage through this one.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import pyarrow as pa

from datacenter.observability.metrics import Metrics
from datacenter.observability.tracing import tracer
from storage_adapters.errors import StorageError
from storage_adapters.network.waiting import Check
from storage_adapters.object_storage.contract import (
    Buffer,
    ByteRange,
    DeleteOutcome,
    Health,
    NewObject,
    ObjectInfo,
    Part,
    PendingUpload,
    PutOutcome,
    SentPart,
    Storage,
)
from storage_adapters.table_storage.contract import Partition, TableInfo, TableName, TableStorage

COUNTED_BYTES = 8 << 20
"""Bytes are counted in batches of this size, because most pieces are small."""

T = TypeVar("T")


class ObservedStorage:
    """An observed object storage; the contract documents the methods."""

    def __init__(self, adapter: Storage, name: str, metrics: Metrics) -> None:
        self.capabilities = adapter.capabilities
        self._adapter = adapter
        self._name = name
        self._metrics = metrics

    source: "ObservedStorage | None" = None
    """The same storage as imports see it, if it is another one."""

    @property
    def adapter(self) -> Storage:
        """The storage itself, which is not observed."""
        return self._adapter

    @property
    def fs(self) -> Any:  # an AbstractFileSystem, which is known only within the adapters
        """The adapter's own fsspec face, which is not observed."""
        return self._adapter.fs

    def check(self, *, writes: bool = True) -> Health:
        return self._call("check").answer(lambda: self._adapter.check(writes=writes))

    def stat(self, key: str) -> ObjectInfo:
        return self._call("stat").answer(lambda: self._adapter.stat(key))

    def list_objects(self, prefix: str, *, start_after: str = "") -> Iterator[ObjectInfo]:
        call = self._call("list_objects")
        return call.stream(lambda: self._adapter.list_objects(prefix, start_after=start_after))

    def read_ranges(self, requests: Iterable[ByteRange]) -> Iterator[bytes]:
        call = self._call("read_ranges")
        return call.stream(lambda: self._adapter.read_ranges(call.handed(requests)), call.see_data)

    def put_many(self, objects: Iterable[NewObject]) -> Iterator[PutOutcome]:
        call = self._call("put_many")
        return call.stream(lambda: self._adapter.put_many(call.handed(objects)), call.see_put)

    def delete(self, keys: Iterable[str]) -> Iterator[DeleteOutcome]:
        call = self._call("delete")
        return call.stream(lambda: self._adapter.delete(call.handed(keys)), call.see_delete)

    def delete_prefix(self, prefix: str) -> Iterator[list[DeleteOutcome]]:
        call = self._call("delete_prefix")
        return call.stream(lambda: self._adapter.delete_prefix(prefix), call.see_deletes)

    def copy(self, source: str, target: str) -> ObjectInfo:
        return self._call("copy").answer(lambda: self._adapter.copy(source, target))

    def presign(self, key: str, expires_in: timedelta) -> str:
        return self._call("presign").answer(lambda: self._adapter.presign(key, expires_in))

    def begin_upload(self, key: str) -> str:
        return self._call("begin_upload").answer(lambda: self._adapter.begin_upload(key))

    def upload_part(
        self, key: str, upload_id: str, number: int, offset: int, chunks: Iterable[Buffer]
    ) -> Part:
        call = self._call("upload_part")
        return call.answer(
            lambda: self._adapter.upload_part(key, upload_id, number, offset, call.handed(chunks)),
            call.see_part,
        )

    def presign_part(self, key: str, upload_id: str, number: int, length: int, expires_in: timedelta) -> str:
        call = self._call("presign_part")
        return call.answer(lambda: self._adapter.presign_part(key, upload_id, number, length, expires_in))

    def list_parts(self, key: str, upload_id: str, *, after: int = 0) -> Iterator[SentPart]:
        call = self._call("list_parts")
        return call.stream(lambda: self._adapter.list_parts(key, upload_id, after=after))

    def copy_part(self, key: str, upload_id: str, number: int, offset: int, source: ByteRange) -> Part:
        call = self._call("copy_part")
        return call.answer(lambda: self._adapter.copy_part(key, upload_id, number, offset, source))

    def complete_upload(self, key: str, upload_id: str, parts: Iterable[Part]) -> ObjectInfo:
        call = self._call("complete_upload")
        return call.answer(lambda: self._adapter.complete_upload(key, upload_id, call.handed(parts)))

    def abort_upload(self, key: str, upload_id: str) -> None:
        self._call("abort_upload").answer(lambda: self._adapter.abort_upload(key, upload_id))

    def list_uploads(self, prefix: str) -> Iterator[PendingUpload]:
        return self._call("list_uploads").stream(lambda: self._adapter.list_uploads(prefix))

    def flush(self) -> None:
        self._call("flush").answer(self._adapter.flush)

    def _call(self, operation: str) -> "_Call":
        return _Call(self._name, operation, self._metrics)


class ObservedTableStorage:
    """An observed table storage; the contract documents the methods."""

    def __init__(self, adapter: TableStorage, name: str, metrics: Metrics) -> None:
        self.capabilities = adapter.capabilities
        self._adapter = adapter
        self._name = name
        self._metrics = metrics

    @property
    def fs(self) -> Any:  # an AbstractFileSystem, which is known only within the adapters
        """The adapter's own fsspec face, which is not observed."""
        return self._adapter.fs

    def watched(self, check: Check) -> "ObservedTableStorage":
        """The watched storage is observed, too; `watched` itself is not counted as a call."""
        return ObservedTableStorage(self._adapter.watched(check), self._name, self._metrics)

    def check(self) -> Health:
        return self._call("check").answer(self._adapter.check)

    def list_databases(self) -> Iterator[str]:
        return self._call("list_databases").stream(self._adapter.list_databases)

    def list_tables(self, database: str) -> Iterator[TableInfo]:
        return self._call("list_tables").stream(lambda: self._adapter.list_tables(database))

    def describe(self, table: TableName) -> pa.Schema:
        return self._call("describe").answer(lambda: self._adapter.describe(table))

    def list_partitions(self, table: TableName, *, rows: int) -> Iterator[Partition]:
        call = self._call("list_partitions")
        return call.stream(lambda: self._adapter.list_partitions(table, rows=rows))

    def read_partition(
        self, table: TableName, partition: Partition, *, schema: pa.Schema | None = None
    ) -> Iterator[pa.RecordBatch]:
        call = self._call("read_partition")
        return call.stream(
            lambda: self._adapter.read_partition(table, partition, schema=schema), call.see_batch
        )

    def validate_query(self, query: str) -> pa.Schema:
        return self._call("validate_query").answer(lambda: self._adapter.validate_query(query))

    def read_query(self, query: str) -> Iterator[pa.RecordBatch]:
        call = self._call("read_query")
        return call.stream(lambda: self._adapter.read_query(query), call.see_batch)

    def write_table(
        self, table: TableName, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, replace: bool = False
    ) -> None:
        call = self._call("write_table")
        call.answer(lambda: self._adapter.write_table(table, schema, call.handed(batches), replace=replace))

    def part_partition(self, number: int) -> Partition:
        return self._call("part_partition").answer(lambda: self._adapter.part_partition(number))

    def begin_write(
        self, table: TableName, schema: pa.Schema, *, write_id: str | None = None, keep_parts: bool = False
    ) -> str:
        return self._call("begin_write").answer(
            lambda: self._adapter.begin_write(table, schema, write_id=write_id, keep_parts=keep_parts)
        )

    def write_partition(
        self, table: TableName, write_id: str, number: int, batches: Iterable[pa.RecordBatch]
    ) -> int:
        call = self._call("write_partition")
        return call.answer(
            lambda: self._adapter.write_partition(table, write_id, number, call.handed(batches))
        )

    def complete_write(
        self, table: TableName, write_id: str, *, parts: Iterable[int] | None = None, replace: bool = False
    ) -> None:
        call = self._call("complete_write")
        handed = None if parts is None else call.handed(parts)
        call.answer(lambda: self._adapter.complete_write(table, write_id, parts=handed, replace=replace))

    def abort_write(self, table: TableName, write_id: str) -> None:
        self._call("abort_write").answer(lambda: self._adapter.abort_write(table, write_id))

    def drop_table(self, table: TableName) -> None:
        self._call("drop_table").answer(lambda: self._adapter.drop_table(table))

    def _call(self, operation: str) -> "_Call":
        return _Call(self._name, operation, self._metrics)


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Set the name as `storage` of storage errors that are raised within, unless they have one."""
    try:
        yield
    except StorageError as error:
        error.storage = error.storage or name
        raise


class _Call:
    """One call, until it returns or its stream ends."""

    def __init__(self, storage: str, operation: str, metrics: Metrics) -> None:
        self._storage = storage
        self._operation = operation
        self._metrics = metrics
        self._seconds = 0.0
        self._read_bytes = self._written_bytes = 0
        self._failure: str | None = None
        self._span = tracer().begin(operation, {"datacenter.storage.name": storage})

    def answer(self, work: Callable[[], T], see: Callable[[T], None] | None = None) -> T:
        """The storage's answer, passed to `see`; the call ends here."""
        try:
            answer = self._wait_for(work)
            if see is not None:
                see(answer)
            return answer
        finally:
            self._end()

    def stream(self, work: Callable[[], Iterator[T]], see: Callable[[T], None] | None = None) -> Iterator[T]:
        """The storage's stream, each piece passed to `see`; the call ends with the last piece or when the caller stops."""
        try:
            pieces = self._wait_for(work)
        except BaseException:
            self._end()
            raise
        return self._each(pieces, see)

    def handed(self, items: Iterable[T]) -> Iterable[T]:
        """The caller's input; the time to produce it is not counted as the storage's."""
        return self._made(items) if isinstance(items, Iterator) else items

    def see_data(self, data: bytes) -> None:
        """Data that was read."""
        self._read_bytes += len(data)
        if self._read_bytes >= COUNTED_BYTES:
            self._count_bytes()

    def see_batch(self, batch: pa.RecordBatch) -> None:
        """Rows that were read."""
        self._read_bytes += batch.nbytes
        if self._read_bytes >= COUNTED_BYTES:
            self._count_bytes()

    def see_put(self, outcome: PutOutcome) -> None:
        """An object that was written or failed."""
        if outcome.error is not None:
            self._fail(outcome.error)
            return
        self._written_bytes += outcome.size_bytes
        if self._written_bytes >= COUNTED_BYTES:
            self._count_bytes()

    def see_part(self, part: Part) -> None:
        """A part that was written."""
        self._written_bytes += part.length

    def see_delete(self, outcome: DeleteOutcome) -> None:
        """An object that was deleted or failed."""
        if outcome.error is not None:
            self._fail(outcome.error)

    def see_deletes(self, outcomes: list[DeleteOutcome]) -> None:
        """A batch of objects that were deleted or failed."""
        for outcome in outcomes:
            self.see_delete(outcome)

    def _wait_for(self, work: Callable[[], T]) -> T:
        began = time.perf_counter()
        try:
            return work()
        except StorageError as error:
            self._fail(error)
            raise
        finally:
            self._seconds += time.perf_counter() - began

    def _each(self, pieces: Iterator[T], see: Callable[[T], None] | None) -> Iterator[T]:
        # Without `_wait_for`: one more call for each small piece would be noticeable.
        clock = time.perf_counter
        began = clock()
        try:
            for piece in pieces:
                self._seconds += clock() - began
                if see is not None:
                    see(piece)
                yield piece
                began = clock()
            self._seconds += clock() - began
        except Exception as error:
            self._seconds += clock() - began
            if isinstance(error, StorageError):
                self._fail(error)
            raise
        finally:
            if isinstance(pieces, Generator):
                pieces.close()  # if the caller stops early, the server is released now
            self._end()

    def _made(self, items: Iterator[T]) -> Iterator[T]:
        while True:
            began = time.perf_counter()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                self._seconds -= time.perf_counter() - began
            yield item

    def _fail(self, error: StorageError) -> None:
        error.storage = error.storage or self._storage
        # An error of another storage, through the caller's input, was counted there.
        if error.storage == self._storage:
            self._failure = error.code
            self._metrics.storage_errors.labels(self._storage, self._operation, error.code).inc()

    def _end(self) -> None:
        self._count_bytes()
        # Negative if the storage consumes its input in its own threads, while the caller waits, too.
        seconds = max(0.0, self._seconds)
        self._metrics.storage_seconds.labels(self._storage, self._operation).observe(seconds)
        self._span.set_attributes({"datacenter.storage.waited_us": int(seconds * 1e6)})
        self._span.end(self._failure)

    def _count_bytes(self) -> None:
        read, self._read_bytes = self._read_bytes, 0
        written, self._written_bytes = self._written_bytes, 0
        if read:
            self._metrics.storage_read.labels(self._storage).inc(read)
        if written:
            self._metrics.storage_written.labels(self._storage).inc(written)
