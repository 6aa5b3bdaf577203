"""Plan of an import of a table or a query: agree on its columns, find what labels it, and cut it."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import pyarrow as pa

from datacenter.datasets.manifest import SCHEMA, open_rows, regroup, write_counted, write_rows
from datacenter.datasets.tables.kept import KeptTable
from datacenter.datasets.tables.parts import GROUP_PARTS, TableTotals
from datacenter.datasets.tables.rows import find_label_column
from datacenter.ledger.leases import ShardPlan, Totals
from jobs.contract import JobContext, Plan
from jobs.importing.staging import Staging
from jobs.importing.table_parts import (
    begin_table,
    keep_counted,
    piece_numbers,
    publish_table,
    write_parts,
    write_pieces,
)
from storage_adapters.errors import TableChanged
from storage_adapters.table_storage.contract import WHOLE_TABLE, Partition, TableName, TableStorage


def is_table(source: dict[str, Any]) -> bool:
    """Whether the source of an import is a table or a query."""
    return "table" in source or "query" in source


def table_name(source: dict[str, Any]) -> TableName:
    """The table that the source names."""
    return TableName(database=source["database"], table=source["table"])


def plan_table(job: JobContext, staging: Staging) -> Plan:
    """Write down the columns, which every shard has to find, and make each partition a shard; a query is one.

    A table of ours, if the rows go into one, is begun.

    Raises:
        TableMissing, QueryInvalid, ColumnUnsupported.
        LabelsInvalid: the label column is none.
    """
    source = job.payload["source"]
    tables = job.open_tables(source["storage"])
    schema = (
        tables.validate_query(source["query"]) if "query" in source else tables.describe(table_name(source))
    )
    label_column = find_label_column(schema, job.payload["label_column"])
    key = staging.plan_key_of(job.held.token)
    write_rows(staging.storage, key, schema, [])
    kept = KeptTable.of_payload(job.payload)
    if kept is not None:
        begin_table(job, kept, schema)
    specs = [
        {"plan": key, "label_column": label_column, "partition": partition.number, "token": partition.token}
        for partition in _partitions(job, tables, source)
    ]
    # Only the server knows how many rows and bytes there are; progress counts partitions, and bytes as they come.
    return Plan(
        shards=[ShardPlan(spec=spec) for spec in specs],
        totals=Totals(files=len(specs), size_bytes=None),
        phase="importing",
    )


def _partitions(job: JobContext, tables: TableStorage, source: dict[str, Any]) -> Iterator[Partition]:
    if "query" in source:
        yield WHOLE_TABLE
        return
    for partition in tables.list_partitions(table_name(source), rows=job.resources.settings.shards.rows):
        job.check()
        yield partition


def import_table_shard(job: JobContext, staging: Staging, spec: dict[str, Any]) -> dict[str, Any]:
    """Write the rows of one partition as parts of about a shard's bytes, and their manifest rows as a fragment.

    The parts are Parquet objects, or pieces of a table of ours. A table changes while it is read, so a repeated shard
    need not find the same rows: every attempt has keys of its own, and the finish removes those of attempts that did
    not count.

    Raises:
        TableMissing, TableChanged: it is not what the plan saw. What was stored of it goes with the undo.
        LabelsInvalid: a value that can be no label.
    """
    number, token = spec["partition"], job.held.token
    with open_rows(staging.storage, spec["plan"]) as plan:
        schema = plan.schema_arrow
    batches = _watched(job, _read(job, spec, schema))
    table = KeptTable.of_payload(job.payload)
    if table is None:
        rows = write_parts(job, staging, spec, batches, schema)
        written: dict[str, Any] = {"parts": staging.parts_prefix(number, token)}
    else:
        rows = write_pieces(job, table, spec, batches)
        written = {"pieces": piece_numbers(rows)}
    fragment = staging.fragment_key(number, token)
    staging.write_fragment(fragment, pa.Table.from_pylist(rows, schema=SCHEMA))
    staging.storage.flush()
    job.report(files=1)
    return {"fragments": [fragment], "label_column": spec["label_column"], **written}


def publish_parts(
    job: JobContext, staging: Staging, results: Iterable[dict[str, Any]]
) -> tuple[TableTotals, str | None]:
    """Write the manifest, and remove the parts or pieces of attempts that did not count.

    Returns the totals and the label column. Raises: LabelsInvalid.
    """
    # One small result a partition.
    found = list(results)
    totals = TableTotals(most_labels=job.resources.settings.limits.labels)
    # Partitions come in the order of their numbers, which is that of their parts' paths.
    rows = chain.from_iterable(staging.read_fragment(key) for result in found for key in result["fragments"])
    write_counted(staging.storage, staging.manifest_key, regroup(_checked(job, rows), GROUP_PARTS), totals)
    table = KeptTable.of_payload(job.payload)
    if table is None:
        keep_counted(staging, found)
    else:
        publish_table(job, table, found)
    return totals, found[0]["label_column"]


def _read(job: JobContext, spec: dict[str, Any], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    source = job.payload["source"]
    tables = job.open_tables(source["storage"])
    if "query" not in source:
        partition = Partition(number=spec["partition"], token=spec["token"])
        yield from tables.read_partition(table_name(source), partition, schema=schema)
        return
    for batch in tables.read_query(source["query"]):
        if not batch.schema.equals(schema):
            raise TableChanged("The query gives other columns than when the import was planned.")
        yield batch


def _watched(job: JobContext, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        job.check()
        yield batch


def _checked(job: JobContext, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    for table in tables:
        job.check()
        yield table
