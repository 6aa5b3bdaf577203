"""Sessions: statements to a HiveServer2 and their results as Arrow arrays, all of it gone when the block ends.

The classes of the protocol are those that impyla generated. Its own cursor makes Python objects of rows, drops
the server's state codes and waits without a limit, so it is not used.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa
from impala._thrift_gen.TCLIService import TCLIService, ttypes
from thrift.protocol.TBinaryProtocol import TBinaryProtocolAccelerated

from storage_adapters.errors import QueryLimit, StorageError, StorageUnavailable
from storage_adapters.hive.engines import Engine, engine_of
from storage_adapters.hive.faults import fault_of, translate, translated
from storage_adapters.hive.options import HiveOptions
from storage_adapters.hive.rows import wire_array
from storage_adapters.hive.transport import SocketTransport, open_transport
from storage_adapters.network.waiting import Check, always_wanted

PROTOCOL = ttypes.TProtocolVersion.HIVE_CLI_SERVICE_PROTOCOL_V6
"""Of Hive 0.13: the first that sends columns."""

BATCH_BYTES = 4 * 1024 * 1024
"""What one fetch should weigh; how many rows that is, the fetches before it tell."""
_FIRST_ROWS = 100
_MOST_ROWS = 100_000
_CLOSE_SECONDS = 10.0
_PAUSE_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)

_DONE = (ttypes.TStatusCode.SUCCESS_STATUS, ttypes.TStatusCode.SUCCESS_WITH_INFO_STATUS)
_RUNNING = (
    ttypes.TOperationState.INITIALIZED_STATE,
    ttypes.TOperationState.PENDING_STATE,
    ttypes.TOperationState.RUNNING_STATE,
)
_INFO = ttypes.TGetInfoType


class Session:
    """One session on one connection; belongs to one thread."""

    def __init__(self, options: HiveOptions, client: Any, wire: SocketTransport) -> None:
        self._options = options
        self._client = client
        self._wire = wire
        self._open: list[Any] = []
        self._ends = float("inf")
        self._in_step = True
        """Whether every question was answered; else the next answer would be that of the one before."""
        self._handle = self._open_session({})
        self.server = self._info(_INFO.CLI_DBMS_NAME)
        self.version = self._info(_INFO.CLI_DBMS_VER)
        self.engine: Engine = engine_of(self.server)
        # Settings are given when a session is opened, where they cost nothing, and only to whom knows them.
        self._call("CloseSession", ttypes.TCloseSessionReq(sessionHandle=self._handle))
        self._handle = self._open_session(self.engine.settings)

    def limit(self, seconds: int) -> None:
        """Let everything from now on end within the time; 0 is no limit."""
        self._ends = time.monotonic() + seconds if seconds else float("inf")

    def execute(self, statement: str) -> "Result":
        """Run a statement to its end, or until its first rows can be fetched.

        Raises:
            QueryLimit: it takes longer than `limit` allows; it is cancelled.
            StorageError: whatever the server says.
        """
        request = ttypes.TExecuteStatementReq(sessionHandle=self._handle, statement=statement, runAsync=True)
        handle = self._started(self._call("ExecuteStatement", request))
        self._wait(handle)
        return Result(self, handle)

    def run(self, statement: str) -> None:
        """Run a statement that gives no rows. Raises as `execute`."""
        self.execute(statement).close()

    def schemas(self) -> "Result":
        """Rows of TABLE_SCHEM, TABLE_CATALOG."""
        request = ttypes.TGetSchemasReq(sessionHandle=self._handle)
        return Result(self, self._started(self._call("GetSchemas", request)))

    def tables(self, schema: str, pattern: str) -> "Result":
        """Rows of TABLE_CAT, TABLE_SCHEM, TABLE_NAME and more; `_` and `%` in both have a meaning."""
        request = ttypes.TGetTablesReq(sessionHandle=self._handle, schemaName=schema, tableName=pattern)
        return Result(self, self._started(self._call("GetTables", request)))

    def close(self) -> None:
        """End what is still running, and the session; a server that does not answer is left alone."""
        self._ends = time.monotonic() + _CLOSE_SECONDS
        self._wire.check = always_wanted
        with suppress(StorageError):
            if not self._in_step:
                _end_elsewhere(self._options, self._open)
            while self._in_step and self._open:
                self.close_operation(self._open[-1])
            if self._in_step:
                self._call("CloseSession", ttypes.TCloseSessionReq(sessionHandle=self._handle))

    def close_operation(self, handle: Any) -> None:
        """Let the server forget a result."""
        self._open.remove(handle)
        self._call("CloseOperation", ttypes.TCloseOperationReq(operationHandle=handle))

    def metadata(self, handle: Any) -> list[Any]:
        """Thrift's descriptions of a result's columns."""
        answer = self._call("GetResultSetMetadata", ttypes.TGetResultSetMetadataReq(operationHandle=handle))
        return list(answer.schema.columns)

    def fetch(self, handle: Any, rows: int) -> list["pa.Array[Any]"]:
        """The next rows, at most so many, as columns; none at the end."""
        orientation = ttypes.TFetchOrientation.FETCH_NEXT
        request = ttypes.TFetchResultsReq(operationHandle=handle, orientation=orientation, maxRows=rows)
        while True:
            answer = self._call("FetchResults", request)
            columns = answer.results.columns if answer.results else []
            arrays = [wire_array(column) for column in columns or []]
            if arrays and len(arrays[0]):
                return arrays
            if not answer.hasMoreRows:
                return []

    def _open_session(self, settings: Any) -> Any:
        request = ttypes.TOpenSessionReq(
            client_protocol=PROTOCOL,
            username=self._options.user,
            password=self._options.password,
            configuration={f"set:hiveconf:{name}": value for name, value in settings.items()},
        )
        return self._call("OpenSession", request).sessionHandle

    def _info(self, kind: int) -> str:
        answer = self._call("GetInfo", ttypes.TGetInfoReq(sessionHandle=self._handle, infoType=kind))
        value = answer.infoValue.stringValue
        return value.decode() if isinstance(value, bytes) else str(value)

    def _started(self, answer: Any) -> Any:
        self._open.append(answer.operationHandle)
        return answer.operationHandle

    def _wait(self, handle: Any) -> None:
        request = ttypes.TGetOperationStatusReq(operationHandle=handle)
        pauses = iter(_PAUSE_SECONDS)
        pause = 0.0
        # Most servers hold the answer back until there is news; others are asked again.
        while (answer := self._call("GetOperationStatus", request)).operationState in _RUNNING:
            self._wire.check()
            pause = next(pauses, pause)
            time.sleep(pause)
        if answer.operationState != ttypes.TOperationState.FINISHED_STATE:
            state = ttypes.TOperationState._VALUES_TO_NAMES[answer.operationState]
            raise fault_of(answer.errorMessage or f"cancelled: {state}", answer.sqlState, answer.errorCode)

    def _call(self, method: str, request: Any) -> Any:
        """One question and its answer. Raises: QueryLimit, StorageUnavailable, StorageError."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise QueryLimit(f"The query takes longer than {self._options.query_seconds} seconds.")
        self._wire.settimeout(min(left, self._options.stall_seconds))
        if not self._in_step:
            raise StorageUnavailable("The connection broke before.")
        self._in_step = False
        try:
            answer = getattr(self._client, method)(request)
        except TimeoutError as error:
            if time.monotonic() < self._ends:
                raise translate(error) from error
            raise QueryLimit(f"The query takes longer than {self._options.query_seconds} seconds.") from error
        self._in_step = True
        status = answer.status
        if status.statusCode not in _DONE:
            words = status.errorMessage or "\n".join(status.infoMessages or ())
            raise fault_of(words, status.sqlState, status.errorCode)
        return answer


class Result:
    """What a statement gives, fetched as it is asked for."""

    def __init__(self, session: Session, handle: Any) -> None:
        self._session = session
        self._handle = handle

    def columns(self) -> list[Any]:
        """Thrift's descriptions of the columns."""
        return self._session.metadata(self._handle)

    def batches(self) -> Iterator[list["pa.Array[Any]"]]:
        """The rows as columns, in pieces of about `BATCH_BYTES`; then the result is closed."""
        rows = _FIRST_ROWS
        while arrays := self._session.fetch(self._handle, rows):
            yield arrays
            row_bytes = sum(array.nbytes for array in arrays) / len(arrays[0])
            rows = max(1, min(int(BATCH_BYTES / max(row_bytes, 1)), 4 * rows, _MOST_ROWS))
        self.close()

    def texts(self) -> Iterator[tuple[str, ...]]:
        """The rows of a small answer of the server's own, all of whose columns are text; NULL reads as empty."""
        for arrays in self.batches():
            yield from zip(
                *([(value or b"").decode() for value in array.to_pylist()] for array in arrays), strict=True
            )

    def close(self) -> None:
        """Let the server forget it."""
        self._session.close_operation(self._handle)


@contextmanager
def connected(options: HiveOptions, check: Check = always_wanted) -> Iterator[Session]:
    """A session under our settings; errors inside come out as the storage's. `check` is called about every second of a wait.

    Raises:
        StorageUnavailable, PermissionDenied, ConfigurationInvalid: no connection, or no login.
    """
    with translated(), _client(options) as (client, wire):
        wire.check = check
        session = Session(options, client, wire)
        try:
            yield session
        finally:
            session.close()


@contextmanager
def _client(options: HiveOptions) -> Iterator[tuple[Any, SocketTransport]]:
    transport, wire = open_transport(options)
    try:
        yield TCLIService.Client(TBinaryProtocolAccelerated(transport)), wire
    finally:
        wire.close()


def _end_elsewhere(options: HiveOptions, handles: list[Any]) -> None:
    """End what a connection waits for, by another one: a server looks at the questions of each in turn.

    Closing ends in every state; cancelling does nothing in Spark once the first rows could be fetched.
    """
    with translated(), _client(options) as (client, wire):
        wire.settimeout(_CLOSE_SECONDS)
        for handle in handles:
            client.CloseOperation(ttypes.TCloseOperationReq(operationHandle=handle))
