"""`manifest.jsonl`: the list of the files in an exported archive."""

from typing import Any

import pyarrow as pa

from datacenter.formats.json_lines import as_bytes, hexadecimal, joined, quoted, quoted_lists

MANIFEST_FILENAME = "manifest.jsonl"


def manifest_lines(batch: pa.RecordBatch) -> bytes:
    """One JSON line a row of `path, size_bytes, crc32, media_type, labels, annotation, dataset, version`.

    `crc32` is written as 8 hexadecimal digits. `dataset` and `version` are the origin of the file. The column
    `source_path`, if there is one, is the path of the file in that dataset.
    """
    columns: dict[str, Any] = {name: batch.column(name) for name in batch.schema.names}
    pieces: list[Any] = [
        '{"path":',
        quoted(columns["path"]),
        ',"size_bytes":',
        columns["size_bytes"].cast(pa.string()),
        ',"crc32":"',
        hexadecimal(columns["crc32"]),
        '","media_type":',
        quoted(columns["media_type"]),
        ',"labels":',
        quoted_lists(columns["labels"]),
        ',"annotation":',
        columns["annotation"].fill_null("null"),
        ',"dataset":',
        quoted(columns["dataset"]),
        ',"version":',
        columns["version"].cast(pa.string()),
    ]
    if "source_path" in columns:
        pieces += [',"source_path":', quoted(columns["source_path"]).fill_null("null")]
    return as_bytes(joined(*pieces, "}\n"))
