"""Manifest rows and datasets made of them, without an import."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from support.jobs.workbench import Workbench

from datacenter.database.engine import new_id, now
from datacenter.datasets.labelling import publish_labels
from datacenter.datasets.manifest import SCHEMA, manifest_key, write_manifest
from datacenter.datasets.models import Dataset, DatasetState, DatasetVersion
from storage_adapters.object_storage.contract import NewObject


def row(path: str, labels: Sequence[str] = (), data: bytes = b"", **changes: Any) -> dict[str, Any]:
    """The manifest row of a file that holds `data`."""
    fields = {
        "path": path,
        "size_bytes": len(data),
        "crc32": zlib.crc32(data),
        "media_type": "application/octet-stream",
        "labels": list(labels),
        "annotation": None,
        "key": f"objects/{path}",
        "offset": 0,
        "length": len(data),
        "compression": None,
    }
    return fields | changes


def table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as a manifest holds them, sorted by path."""
    ordered = sorted(rows, key=lambda each: each["path"].encode())
    return pa.Table.from_pylist([dict(each) for each in ordered], schema=SCHEMA)


def published(bench: Workbench, files: Mapping[str, Sequence[str]], name: str | None = None) -> Dataset:
    """A READY dataset whose files have these labels; a file holds its own path."""
    storage = bench.resources.storages.open("default")
    dataset_id = new_id()
    rows = [
        row(path, labels, path.encode(), key=f"datasets/{dataset_id}/objects/{number:06d}")
        for number, (path, labels) in enumerate(files.items())
    ]
    objects = (NewObject(key=each["key"], data=each["path"].encode()) for each in rows)
    assert not any(outcome.error for outcome in storage.put_many(objects))
    key = manifest_key(dataset_id, 1, "first")
    totals = write_manifest(storage, key, [table(rows)])
    with bench.database.transaction() as session:
        moment = now(session)
        counted = {"files": totals.files, "size_bytes": totals.size_bytes}
        session.add(
            DatasetVersion(dataset_id=dataset_id, version=1, manifest_key=key, created_at=moment, **counted)
        )
        publish_labels(session, dataset_id, totals.labels)
        dataset = Dataset(
            id=dataset_id,
            project_id=bench.project_id,
            name=name or f"made-{dataset_id[-8:]}",
            state=DatasetState.READY,
            version=1,
            storage="default",
            created_at=moment,
            updated_at=moment,
            **counted,
        )
        session.add(dataset)
    return dataset
