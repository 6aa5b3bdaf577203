"""Observed: every call of both contracts is counted, timed, traced and fails in its storage's name."""

import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, get_origin, get_type_hints

import pyarrow as pa
import pytest
from support.storages.memory import MemoryStorage
from support.tables.fake_tables import FakeTables, fake_storage, register_fake_tables

from datacenter.database.engine import Base, Database
from datacenter.observability import tracing
from datacenter.observability.metrics import Metrics
from datacenter.observability.tracing import NoTracing
from datacenter.settings.model import Settings
from datacenter.storages.observed import ObservedStorage, ObservedTableStorage
from datacenter.storages.opener import Storages
from storage_adapters.errors import ObjectMissing, StorageError, StorageUnavailable
from storage_adapters.network.waiting import never_cancelled
from storage_adapters.object_storage.contract import ByteRange, NewObject, Storage
from storage_adapters.table_storage.contract import TableName, TableStorage

SLOW_SECONDS = 0.2
"""Twice what a call may take that is not slow itself."""


def methods_of(contract: type) -> dict[str, Callable[..., Any]]:
    """The calls that a contract has; to watch a storage is no call of it."""
    found = {name: each for name, each in vars(contract).items() if inspect.isfunction(each)}
    return {name: each for name, each in found.items() if not name.startswith("_") and name != "watched"}


class Answer:
    """Anything that a call may answer or yield."""

    size_bytes = length = nbytes = 7
    error = None

    def __len__(self) -> int:
        return 7

    def __iter__(self) -> Iterator["Answer"]:
        return iter((self,))


@dataclass
class Adapter:
    """Keeps a contract by introspection: answers each call, or fails, and remembers what it was handed."""

    contract: type
    failure: StorageError | None = None
    answer: Answer = field(default_factory=Answer)
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    capabilities: object = field(default_factory=object)
    fs: object = field(default_factory=object)

    def __getattr__(self, name: str) -> Any:
        method = methods_of(self.contract).get(name)
        if method is None:
            raise AttributeError(name)

        def call(*given: Any, **named: Any) -> Any:
            bound = inspect.signature(method).bind(self, *given, **named)
            bound.apply_defaults()
            self.calls.append((name, {k: v for k, v in bound.arguments.items() if k != "self"}))
            return self._stream() if streams(method) else self._answer()

        return call

    def watched(self, check: object) -> "Adapter":
        return self

    def _answer(self) -> Answer:
        if self.failure is not None:
            raise self.failure
        return self.answer

    def _stream(self) -> Iterator[Answer]:
        yield self.answer
        if self.failure is not None:
            raise self.failure


def streams(method: Callable[..., Any]) -> bool:
    return get_origin(get_type_hints(method)["return"]) is Iterator


class Spans(NoTracing):
    """A tracer that remembers what was begun, and how it ended."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, str | None]] = []

    def begin(self, name: str, attributes: Mapping[str, str | int]) -> Any:
        spans = self

        class Begun(NoTracing):
            def end(self, failure: str | None = None) -> None:
                spans.ended.append((f"{attributes['datacenter.storage.name']}.{name}", failure))

        return Begun()


@pytest.fixture
def spans(monkeypatch) -> Spans:
    spans = Spans()
    monkeypatch.setattr(tracing, "_tracer", spans)
    return spans


class Counts:
    """What is counted of a storage named `lake`."""

    def __init__(self) -> None:
        self.metrics = Metrics()

    def metric_value(self, metric: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(metric, {"storage": "lake", **labels}) or 0

    def calls(self, operation: str) -> float:
        return self.metric_value("datacenter_storage_call_duration_seconds_count", operation=operation)

    def seconds(self, operation: str) -> float:
        return self.metric_value("datacenter_storage_call_duration_seconds_sum", operation=operation)

    def errors(self, operation: str, code: str) -> float:
        return self.metric_value("datacenter_storage_errors_total", operation=operation, code=code)


def observed(contract: type, adapter: Any, metrics: Metrics, *, watched: bool = False) -> Any:
    if contract is Storage:
        return ObservedStorage(adapter, "lake", metrics)
    tables = ObservedTableStorage(adapter, "lake", metrics)
    return tables.watched(never_cancelled) if watched else tables


def call(storage: object, method: Callable[..., Any], *, with_all: bool) -> tuple[Mapping[str, Any], Any]:
    """Call the method with an object for each argument that it must have, or may; returns these, and what came back."""
    parameters = list(inspect.signature(method).parameters.values())[1:]
    kept = [each for each in parameters if with_all or each.default is each.empty]
    arguments = {each.name: object() for each in kept}
    given = [arguments[each.name] for each in kept if each.kind is not each.KEYWORD_ONLY]
    named = {each.name: arguments[each.name] for each in kept if each.kind is each.KEYWORD_ONLY}
    answer = getattr(storage, method.__name__)(*given, **named)
    defaults = {each.name: each.default for each in parameters if each not in kept}
    return arguments | defaults, list(answer) if streams(method) else answer


EVERY_CALL = [
    pytest.param(contract, name, watched, id=f"{contract.__name__}{' watched' * watched}.{name}")
    for contract, ways in ((Storage, (False,)), (TableStorage, (False, True)))
    for watched in ways
    for name in methods_of(contract)
]


@pytest.mark.parametrize(("contract", "name", "watched"), EVERY_CALL)
@pytest.mark.parametrize("with_all", [True, False], ids=["all arguments", "no optional one"])
def test_every_call_reaches_the_adapter_as_it_was_made_and_is_counted_and_traced_once(
    contract, name, watched, with_all, spans
) -> None:
    counts, adapter, method = Counts(), Adapter(contract), methods_of(contract)[name]
    storage = observed(contract, adapter, counts.metrics, watched=watched)

    arguments, answer = call(storage, method, with_all=with_all)

    assert adapter.calls == [(name, arguments)]
    if get_type_hints(method)["return"] is not type(None):
        assert answer == ([adapter.answer] if streams(method) else adapter.answer)
    assert counts.calls(name) == 1
    assert spans.ended == [(f"lake.{name}", None)]


@pytest.mark.parametrize(("contract", "name", "watched"), EVERY_CALL)
def test_every_call_that_fails_names_the_storage_and_is_counted_by_its_code(
    contract, name, watched, spans
) -> None:
    counts, adapter = Counts(), Adapter(contract, failure=StorageUnavailable("away"))
    storage = observed(contract, adapter, counts.metrics, watched=watched)

    with pytest.raises(StorageUnavailable) as failed:
        call(storage, methods_of(contract)[name], with_all=True)

    assert failed.value.storage == "lake"
    assert counts.errors(name, "STORAGE_UNAVAILABLE") == counts.calls(name) == 1
    assert spans.ended == [(f"lake.{name}", "STORAGE_UNAVAILABLE")]


@pytest.mark.parametrize("contract", [Storage, TableStorage])
def test_what_is_no_call_is_the_adapters_own(contract) -> None:
    counts, adapter = Counts(), Adapter(contract)
    storage = observed(contract, adapter, counts.metrics)

    assert storage.capabilities is adapter.capabilities
    assert storage.fs is adapter.fs
    with pytest.raises(AttributeError):
        storage.no_such_call()


def test_a_registered_storage_of_tables_that_is_watched_is_measured(tmp_path, monkeypatch) -> None:
    register_fake_tables(monkeypatch)
    registered, _ = fake_storage(f"fake://{tmp_path}")
    settings = Settings(database={"url": f"sqlite:///{tmp_path}/test.db"}, storages={"lake": registered})
    database, counts = Database(settings.database), Counts()
    Base.metadata.create_all(database.engine)

    tables = Storages(settings, database, counts.metrics).open_tables("lake").watched(never_cancelled)
    assert list(tables.list_tables("shop")) == []
    with pytest.raises(StorageError) as failed:
        tables.describe(TableName(database="shop", table="missing"))

    assert failed.value.storage == "lake"
    assert counts.calls("list_tables") == counts.errors("describe", "TABLE_MISSING") == 1
    database.close()


def test_rows_that_are_read_are_counted_in_bytes(tmp_path) -> None:
    _, content = fake_storage(f"fake://{tmp_path}")
    content.tables["shop.animals"] = pa.table({"id": pa.array([1, 2, 3], pa.int64())})
    content.queries["SELECT"] = content.tables["shop.animals"]
    counts = Counts()
    tables = ObservedTableStorage(FakeTables(content), "lake", counts.metrics)

    table = TableName(database="shop", table="animals")
    (partition,) = tables.list_partitions(table, rows=10)
    list(tables.read_partition(table, partition))
    assert counts.metric_value("datacenter_storage_read_bytes_total") == 24
    list(tables.read_query("SELECT"))
    assert counts.metric_value("datacenter_storage_read_bytes_total") == 48


class Bench(Counts):
    """A storage named `lake` in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.adapter = MemoryStorage()
        self.storage = ObservedStorage(self.adapter, "lake", self.metrics)

    def put(self, *keys: str) -> None:
        assert all(
            not put.error for put in self.adapter.put_many(NewObject(key=k, data=b"12345") for k in keys)
        )


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_call_is_counted_once_whether_it_answers_or_streams(bench) -> None:
    bench.put("a", "b")

    bench.storage.stat("a")
    assert [info.key for info in bench.storage.list_objects("")] == ["a", "b"]

    assert bench.calls("stat") == bench.calls("list_objects") == 1


def test_what_a_caller_does_with_a_piece_is_not_the_storages_time(bench) -> None:
    bench.put("a", "b")

    for _ in bench.storage.list_objects(""):
        time.sleep(SLOW_SECONDS)

    assert bench.seconds("list_objects") < SLOW_SECONDS


def test_what_a_caller_takes_to_make_what_it_hands_over_is_not_the_storages_time(bench) -> None:
    def slowly() -> Iterator[bytes]:
        for _ in range(2):
            time.sleep(SLOW_SECONDS)
            yield b"x" * 10

    upload = bench.storage.begin_upload("big")
    bench.storage.upload_part("big", upload, 1, 0, slowly())

    assert bench.calls("upload_part") == 1
    assert bench.seconds("upload_part") < SLOW_SECONDS


def test_a_storage_that_is_slow_in_the_midst_of_a_stream_is_told(bench, monkeypatch) -> None:
    def slow(prefix: str, *, start_after: str = "") -> Iterator[str]:
        yield "first"
        time.sleep(SLOW_SECONDS)
        yield "second"

    monkeypatch.setattr(type(bench.adapter), "list_objects", lambda _, *given, **named: slow(*given, **named))

    assert list(bench.storage.list_objects("")) == ["first", "second"]
    assert bench.seconds("list_objects") >= SLOW_SECONDS


def test_a_stream_that_is_left_early_is_counted_and_closed(bench) -> None:
    bench.put(*map(str, range(10)))
    stream = bench.storage.list_objects("")

    next(stream)
    assert bench.calls("list_objects") == 0
    stream.close()

    assert bench.calls("list_objects") == 1


def test_bytes_are_counted_as_they_go_through(bench) -> None:
    data = [NewObject(key=key, data=b"123456") for key in "ab"]
    list(bench.storage.put_many(iter(data)))
    b"".join(bench.storage.read_ranges([ByteRange(key="a", offset=1, length=4)]))

    assert bench.metric_value("datacenter_storage_written_bytes_total") == 12
    assert bench.metric_value("datacenter_storage_read_bytes_total") == 4


def test_a_call_that_fails_is_counted_by_its_code(bench) -> None:
    with pytest.raises(ObjectMissing):
        bench.storage.stat("nowhere")
    with pytest.raises(ObjectMissing):
        list(bench.storage.read_ranges([ByteRange(key="nowhere", offset=0, length=1)]))

    assert bench.errors("stat", "OBJECT_MISSING") == bench.errors("read_ranges", "OBJECT_MISSING") == 1
    assert bench.calls("stat") == bench.calls("read_ranges") == 1


def test_each_key_that_fails_within_a_call_is_counted(bench) -> None:
    bench.put("d/a", "d/b", "d/c")
    bench.adapter.fail = lambda operation, _: StorageUnavailable("away") if operation == "delete" else None

    outcomes = list(bench.storage.delete(["d/a", "d/b"]))
    outcomes += chain.from_iterable(bench.storage.delete_prefix("d/"))

    assert {outcome.error.storage for outcome in outcomes} == {"lake"}
    assert bench.errors("delete", "STORAGE_UNAVAILABLE") == 2
    assert bench.errors("delete_prefix", "STORAGE_UNAVAILABLE") == 3


def test_what_fails_at_another_storage_on_its_way_through_is_that_ones(bench) -> None:
    source = ObservedStorage(MemoryStorage(), "source", bench.metrics)

    def objects() -> Iterator[NewObject]:
        source.stat("missing")
        yield NewObject(key="a", data=b"")

    with pytest.raises(StorageError) as failed:
        list(bench.storage.put_many(objects()))

    assert failed.value.storage == "source"
    assert bench.errors("put_many", "OBJECT_MISSING") == 0
    assert bench.calls("put_many") == 1
