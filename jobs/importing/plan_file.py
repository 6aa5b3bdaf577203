"""The plan file of an import: a row group for each shard, and the plan's findings for the finish."""

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import orjson
import pyarrow as pa

from datacenter.datasets.manifest import open_rows, write_rows
from jobs.contract import JobContext
from jobs.importing.staging import ImportStaging

MAX_WARNINGS = 100
LEARNED = b"learned"


class Learned(NamedTuple):
    """The plan's findings about all files together."""

    warnings: list[str]
    label_file: str | None


class Group(NamedTuple):
    """The part of the plan for one shard."""

    entries: pa.Table
    first: int
    """Number of rows in the groups before it."""
    learned: dict[str, Any]
    """The plan's findings to pass to the finish in the shard's result; empty except for the first shard."""


def write_plan(
    job: JobContext, staging: ImportStaging, schema: pa.Schema, groups: Iterable[pa.Table], learned: Learned
) -> str:
    """Write a row group for each table; returns the key of this attempt's plan."""
    key = staging.plan_key_of(job.held.token)
    learned_json = {"warnings": learned.warnings[:MAX_WARNINGS], "label_file": learned.label_file}
    write_rows(staging.storage, key, schema.with_metadata({LEARNED: orjson.dumps(learned_json)}), groups)
    return key


class PlannedGroup(Protocol):
    """The spec of a shard that is one row group of a plan file."""

    @property
    def plan(self) -> str: ...

    @property
    def row_group(self) -> int: ...


def read_group(staging: ImportStaging, spec: PlannedGroup) -> Group:
    """The plan's part for the shard with this spec.

    A plan has at least one shard, even without a row group: the first shard passes the findings to the finish.
    """
    number = spec.row_group
    with open_rows(staging.storage, spec.plan) as plan:
        entries = plan.read_row_groups([number] if number < plan.num_row_groups else [])
        first = sum(plan.metadata.row_group(before).num_rows for before in range(number))
        metadata = plan.schema_arrow.metadata
    return Group(entries, first, {} if number else orjson.loads(metadata[LEARNED]))
