"""Calls about datasets: import, list, read, label, delete, restore."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

from datacenter.client.addresses import address
from datacenter.client.calls import UNKNOWN_TO_SERVER, Calls
from datacenter.client.errors import Problem
from datacenter.client.objects import Dataset, FileEntry, Job, Version
from datacenter.client.reading import read

CHUNK_BYTES = 1 << 20


class Datasets:
    """The datasets of the token's project."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def create(
        self,
        name: str,
        source: Mapping[str, str],
        *,
        storage: str | None = None,
        label_format: str | None = None,
        name_encoding: str | None = None,
        label_column: str | None = None,
        description: str | None = None,
        tags: Iterable[str] = (),
        options: Mapping[str, Any] | None = None,
    ) -> tuple[Dataset, Job]:
        """Start an import. `source` is `{"upload": id}` or `{"storage": s, "key" | "prefix" | "table" | "query": …}`.

        `label_column` names the column that labels the rows of a table; the default is `label`, an empty text means no
        labels. `options` are those of every job: `not_before`, `after`, `notify`, `priority`.
        """
        body = {
            "storage": storage,
            "label_format": label_format,
            "name_encoding": name_encoding,
            "label_column": label_column,
            "description": description,
            "tags": list(tags) or None,
        }
        given = {key: value for key, value in body.items() if value is not None}
        answer = self._calls.json(
            "POST", "/datasets", body={"name": name, "source": dict(source), **given, **(options or {})}
        )
        return read(Dataset, answer["dataset"]), read(Job, answer["job"])

    def check(
        self,
        name: str,
        *,
        storage: str | None = None,
        label_format: str | None = None,
        name_encoding: str | None = None,
        description: str | None = None,
        tags: Iterable[str] = (),
    ) -> None:
        """Check, before the upload, that an archive could be imported in this way; an older server cannot check.

        Raises:
            Problem: `create` would be rejected, for this reason.
        """
        body = {
            "name": name,
            "storage": storage,
            "label_format": label_format,
            "name_encoding": name_encoding,
            "description": description,
            "tags": [*tags] or None,
        }
        given = {key: value for key, value in body.items() if value is not None}
        try:
            self._calls.json("POST", "/datasets/preview", body=given)
        except Problem as problem:
            if problem.status not in UNKNOWN_TO_SERVER:
                raise

    def list(
        self,
        *,
        q: str | None = None,
        label: str | None = None,
        tag: str | None = None,
        state: str | None = None,
    ) -> Iterator[Dataset]:
        """Datasets, newest first."""
        for item in self._calls.items("/datasets", {"q": q, "label": label, "tag": tag, "state": state}):
            yield read(Dataset, item)

    def get(self, dataset_id: str) -> Dataset:
        """The dataset with this id."""
        return read(Dataset, self._calls.json("GET", address("datasets", dataset_id)))

    def find(self, name_or_id: str) -> Dataset:
        """The dataset with this id or else this name.

        Raises:
            Problem: NOT_FOUND, there is neither.
        """
        try:
            UUID(name_or_id)
        except ValueError:
            pass
        else:
            return self.get(name_or_id)
        for dataset in self.list(q=name_or_id):
            if dataset.name == name_or_id:
                return self.get(dataset.id)
        raise Problem(
            status=404,
            code="NOT_FOUND",
            title="Not found",
            detail=f"there is no dataset named {name_or_id!r}",
        )

    def update(
        self,
        dataset_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        tags: Iterable[str] | None = None,
    ) -> Dataset:
        """Change the arguments that are given."""
        body = {"name": name, "description": description, "tags": None if tags is None else list(tags)}
        changed = {key: value for key, value in body.items() if value is not None}
        return read(Dataset, self._calls.json("PATCH", address("datasets", dataset_id), body=changed))

    def files(
        self,
        dataset_id: str,
        *,
        label: str | None = None,
        prefix: str | None = None,
        limit: int | None = None,
    ) -> Iterator[FileEntry]:
        """The files of the newest version in the order of their paths; `limit` is the size of a page."""
        for item in self._calls.items(
            address("datasets", dataset_id, "files"), {"label": label, "prefix": prefix, "limit": limit}
        ):
            yield read(FileEntry, item)

    def read_file(self, dataset_id: str, path: str) -> Iterator[bytes]:
        """The bytes of one file."""
        with self._calls.stream(address("datasets", dataset_id, "files", quote(path, safe="/"))) as response:
            yield from response.iter_bytes(CHUNK_BYTES)

    def manifest(self, dataset_id: str, *, version: int | None = None) -> Iterator[bytes]:
        """The bytes of a version's manifest, a Parquet file."""
        with self._calls.stream(
            address("datasets", dataset_id, "manifest"), params={"version": version}
        ) as response:
            yield from response.iter_bytes(CHUNK_BYTES)

    def versions(self, dataset_id: str) -> Iterator[Version]:
        """The versions, newest first."""
        for item in self._calls.items(address("datasets", dataset_id, "versions")):
            yield read(Version, item)

    def label(
        self,
        dataset_id: str,
        *,
        paths: Iterable[str] | None = None,
        labels: Iterable[str] | None = None,
        prefix: str | None = None,
        add: Iterable[str] = (),
        remove: Iterable[str] = (),
    ) -> Version:
        """Add and remove labels on the selected files, as a new version; if no file is selected, the newest version stays."""
        chosen = {"paths": paths and list(paths), "labels": labels and list(labels), "prefix": prefix}
        select = {key: value for key, value in chosen.items() if value is not None}
        body = {"select": select, "add": list(add), "remove": list(remove)}
        return read(Version, self._calls.json("POST", address("datasets", dataset_id, "labels"), body=body))

    def delete(self, dataset_id: str, *, grace_seconds: int = 0) -> Job:
        """Delete the dataset at once, its files after it; within the grace period it can be restored."""
        answer = self._calls.json(
            "DELETE", address("datasets", dataset_id), params={"grace_seconds": grace_seconds or None}
        )
        return read(Job, answer["job"])

    def restore(self, dataset_id: str) -> Dataset:
        """Undo a delete within its grace period."""
        return read(Dataset, self._calls.json("POST", address("datasets", dataset_id, "restore")))
