"""Calls about exports: preview a selection by label over datasets, and build it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from datacenter.client.addresses import address
from datacenter.client.calls import Calls
from datacenter.client.objects import Export, Job, LabelFilter, Preview
from datacenter.client.reading import read

EVERYTHING = LabelFilter()


class Exports:
    """The exports of the token's project."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def preview(self, dataset_ids: Iterable[str], *, labels: LabelFilter = EVERYTHING) -> Preview:
        """Counts and bytes of an export, without making it."""
        return read(
            Preview, self._calls.json("POST", "/exports/preview", body=_selection(dataset_ids, labels))
        )

    def create(
        self,
        dataset_ids: Iterable[str],
        *,
        labels: LabelFilter = EVERYTHING,
        label_format: str | None = None,
        table_format: str | None = None,
        archive: str | None = None,
        compression: str | None = None,
        storage: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[Export, Job]:
        """Start an export; the server's defaults are jsonl, parquet, zip, none."""
        body = {
            "label_format": label_format,
            "table_format": table_format,
            "archive": archive,
            "compression": compression,
            "storage": storage,
        }
        given = {key: value for key, value in body.items() if value is not None}
        answer = self._calls.json(
            "POST", "/exports", body={**_selection(dataset_ids, labels), **given, **(options or {})}
        )
        return read(Export, answer["export"]), read(Job, answer["job"])

    def list(self) -> Iterator[Export]:
        """Exports, newest first."""
        for item in self._calls.items("/exports"):
            yield read(Export, item)

    def get(self, export_id: str) -> Export:
        """The export with this id."""
        return read(Export, self._calls.json("GET", address("exports", export_id)))


def _selection(dataset_ids: Iterable[str], labels: LabelFilter) -> dict[str, Any]:
    return {"datasets": [{"id": dataset_id} for dataset_id in dataset_ids], "labels": labels.body()}
