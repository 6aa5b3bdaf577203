"""Parts of a table as Parquet objects: a shard writes its rows as some, and the finish keeps those that count."""

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa

from datacenter.datasets.tables.parts import RowCount, new_part
from datacenter.formats.table_formats import TABLE_FORMATS
from jobs.contract import JobContext
from jobs.importing.staging import Staging
from jobs.leftovers import remove
from storage_adapters.table_storage.spool import row_groups

PARQUET = TABLE_FORMATS["parquet"]
GROUP_BYTES = 32 << 20
"""Rows are held until they are a row group of so many bytes."""


def write_parts(
    job: JobContext,
    staging: Staging,
    spec: dict[str, Any],
    batches: Iterator[pa.RecordBatch],
    schema: pa.Schema,
) -> list[dict[str, Any]]:
    """Write the rows as parts of about a shard's bytes. Returns their manifest rows. Raises: LabelsInvalid."""
    number, token = spec["partition"], job.held.token
    groups = row_groups(batches, size_bytes=GROUP_BYTES)
    rows: list[dict[str, Any]] = []
    group = next(groups, None)
    while group is not None and (group.num_rows or not number):
        count = RowCount(label_column=spec["label_column"], most_labels=job.resources.settings.limits.labels)
        key = staging.part_key(number, token, len(rows))
        with new_part(staging.storage, key, PARQUET, schema, count) as part:
            while group is not None:
                part.write(group)
                group = next(groups, None)
                if part.size_bytes >= job.resources.settings.shards.size_bytes:
                    break
        path = f"part-{number:06d}-{len(rows):06d}{PARQUET.suffix}"
        rows.append(part.row(path=path, key=key, media_type=PARQUET.media_type))
        job.report(size_bytes=part.size_bytes)
    return rows


def keep_counted(staging: Staging, results: Iterable[dict[str, Any]]) -> None:
    """Remove the parts of attempts that did not count."""
    counted = {result["parts"] for result in results}
    stored = (info.key for info in staging.storage.list_objects(staging.objects_prefix))
    remove(staging.storage, [key for key in stored if f"{key.rpartition('/')[0]}/" not in counted])
