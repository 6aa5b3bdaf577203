"""Plan of an import of a table or a query: agree on its columns, find what labels it, and cut it."""

from collections.abc import Iterator
from typing import Any

from datacenter.datasets.manifest import write_rows
from datacenter.datasets.tables.kept import KeptTable
from datacenter.datasets.tables.rows import find_label_column
from datacenter.ledger.leases import ShardPlan, Totals
from jobs.contract import JobContext, Plan
from jobs.importing.staging import Staging
from jobs.importing.table_pieces import begin_table
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
