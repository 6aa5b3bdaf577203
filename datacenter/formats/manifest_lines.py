"""`manifest.jsonl`: what an exported archive says about each of its files."""

import orjson
import pyarrow as pa

from datacenter.formats.row_values import annotation_texts, embedded, label_lists

MANIFEST_FILENAME = "manifest.jsonl"

_COLUMNS = ("path", "size_bytes", "crc32", "media_type", "dataset", "version")


def manifest_lines(batch: pa.RecordBatch) -> bytes:
    """One JSON line a row of `path, size_bytes, crc32, media_type, labels, annotation, dataset, version`.

    `crc32` comes out as 8 hexadecimal digits. `dataset` and `version` say where a file is from. A column
    `source_path`, if there is one, says what the file was called there.
    """
    sources = batch.column("source_path").to_pylist() if "source_path" in batch.schema.names else None
    columns = [batch.column(name).to_pylist() for name in _COLUMNS]
    annotations = annotation_texts(batch)
    lines = []
    for at, (path, size_bytes, crc32, media_type, dataset, version, labels, annotation) in enumerate(
        zip(*columns, label_lists(batch), annotations, strict=True)
    ):
        record = {
            "path": path,
            "size_bytes": size_bytes,
            "crc32": f"{crc32:08x}",
            "media_type": media_type,
            "labels": labels,
            "annotation": embedded(annotation),
            "dataset": dataset,
            "version": version,
        }
        if sources is not None:
            record["source_path"] = sources[at]
        lines.append(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
    return b"".join(lines)
