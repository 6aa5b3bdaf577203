"""Import of a table or a query: fix its columns, cut it, and read its partitions in parallel."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import pyarrow as pa

from datacenter.datasets.manifest import SCHEMA, open_rows, regroup, write_counted, write_rows
from datacenter.datasets.tables.kept import KeptTable
from datacenter.datasets.tables.parts import GROUP_PARTS, TableTotals
from datacenter.datasets.tables.rows import find_label_column
from datacenter.ledger.leases import Totals
from datacenter.storages.owners import shown_name
from jobs.contract import JobContext, Plan
from jobs.importing.source import Imported
from jobs.importing.staging import ImportStaging
from jobs.importing.table_parts import (
    begin_table,
    keep_counted,
    piece_numbers,
    publish_table,
    write_parts,
    write_pieces,
)
from jobs.shard_specs import SpecReader, shard
from storage_adapters.errors import TableChanged
from storage_adapters.table_storage.contract import WHOLE_TABLE, Partition, TableName, TableStorage


@dataclass(frozen=True, kw_only=True)
class TablePartition:
    """One partition of a table, or a whole query."""

    kind: Literal["table_partition"] = "table_partition"
    plan: str
    """The key of a Parquet object that has the columns and no rows."""
    label_column: str | None
    partition: int
    token: str


SPECS = SpecReader[TablePartition](TablePartition)


class TableSource:
    """Cut the table and read the pieces in parallel; the rows become Parquet objects or pieces of a kept table."""

    def plan(self, job: JobContext, staging: ImportStaging) -> Plan:
        return _plan(job, staging)

    def run_shard(self, job: JobContext, staging: ImportStaging, spec: dict[str, Any]) -> dict[str, Any]:
        return _import_partition(job, staging, SPECS.read(spec))

    def finish(self, job: JobContext, staging: ImportStaging, results: Iterator[dict[str, Any]]) -> Imported:
        totals, label_column = _publish_parts(job, staging, results)
        table = KeptTable.of_payload(job.payload)
        name = str(table.name) if table is not None else None
        return Imported(
            totals=totals,
            learned={"rows": totals.rows, "label_column": label_column},
            columns={"row_count": totals.rows, "label_column": label_column, "table_name": name},
        )

    def title(self, source: Mapping[str, Any]) -> str:
        return f"{shown_name(source['storage'])}: {'a query' if 'query' in source else _table_name(source)}"


def _table_name(source: Mapping[str, Any]) -> TableName:
    return TableName(database=source["database"], table=source["table"])


def _plan(job: JobContext, staging: ImportStaging) -> Plan:
    """Record the columns, which every shard must find again, and make each partition a shard; a query is one shard.

    If the rows go into a kept table, its write is begun.

    Raises:
        TableMissing, QueryInvalid, ColumnUnsupported.
        LabelsInvalid: the label column does not exist or cannot hold labels.
    """
    source = job.payload["source"]
    tables = job.open_tables(source["storage"])
    schema = (
        tables.validate_query(source["query"]) if "query" in source else tables.describe(_table_name(source))
    )
    label_column = find_label_column(schema, job.payload["label_column"])
    key = staging.plan_key_of(job.held.token)
    write_rows(staging.storage, key, schema, [])
    kept = KeptTable.of_payload(job.payload)
    if kept is not None:
        begin_table(job, kept, schema)
    shards = [
        shard(
            TablePartition(
                plan=key, label_column=label_column, partition=partition.number, token=partition.token
            )
        )
        for partition in _partitions(job, tables, source)
    ]
    # Only the server knows how many rows and bytes there are; progress counts partitions, and bytes as they arrive.
    return Plan(
        shards=shards,
        totals=Totals(files=len(shards), size_bytes=None),
        phase="importing",
    )


def _partitions(job: JobContext, tables: TableStorage, source: dict[str, Any]) -> Iterator[Partition]:
    if "query" in source:
        yield WHOLE_TABLE
        return
    for partition in tables.list_partitions(_table_name(source), rows=job.resources.settings.shards.rows):
        job.check()
        yield partition


def _import_partition(job: JobContext, staging: ImportStaging, spec: TablePartition) -> dict[str, Any]:
    """Write the rows of one partition as parts of about a shard's bytes, and their manifest rows as a fragment.

    The parts are Parquet objects, or pieces of a kept table. A table may change while it is read, so a repeated shard
    may read other rows: every attempt has keys of its own, and the finish removes those of failed attempts.

    Raises:
        TableMissing, TableChanged: it is not as planned. The undo removes what was stored of it.
        LabelsInvalid: a value cannot be a label.
    """
    number, token, label_column = spec.partition, job.held.token, spec.label_column
    with open_rows(staging.storage, spec.plan) as plan:
        schema = plan.schema_arrow
    batches = job.checked(_read(job, spec, schema))
    table = KeptTable.of_payload(job.payload)
    if table is None:
        rows = write_parts(job, staging, number, label_column, batches, schema)
        written: dict[str, Any] = {"parts": staging.parts_prefix(number, token)}
    else:
        rows = write_pieces(job, table, number, label_column, batches)
        written = {"pieces": piece_numbers(rows)}
    fragment = staging.fragment_key(number, token)
    staging.write_fragment(fragment, pa.Table.from_pylist(rows, schema=SCHEMA))
    staging.storage.flush()
    job.report(files=1)
    return {"fragments": [fragment], "label_column": label_column, **written}


def _publish_parts(
    job: JobContext, staging: ImportStaging, results: Iterable[dict[str, Any]]
) -> tuple[TableTotals, str | None]:
    """Write the manifest, and remove the parts or pieces of failed attempts.

    Returns the totals and the label column. Raises: LabelsInvalid.
    """
    # One small result per partition.
    done = list(results)
    totals = TableTotals(max_labels=job.resources.settings.limits.labels)
    # Partitions come in the order of their numbers, which is the order of their parts' paths.
    rows = chain.from_iterable(staging.read_fragment(key) for result in done for key in result["fragments"])
    write_counted(staging.storage, staging.manifest_key, regroup(job.checked(rows), GROUP_PARTS), totals)
    table = KeptTable.of_payload(job.payload)
    if table is None:
        keep_counted(staging, done)
    else:
        publish_table(job, table, done)
    return totals, done[0]["label_column"]


def _read(job: JobContext, spec: TablePartition, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    source = job.payload["source"]
    tables = job.open_tables(source["storage"])
    if "query" not in source:
        partition = Partition(number=spec.partition, token=spec.token)
        yield from tables.read_partition(_table_name(source), partition, schema=schema)
        return
    for batch in tables.read_query(source["query"]):
        if not batch.schema.equals(schema):
            raise TableChanged("The query's columns changed after the import was planned.")
        yield batch
