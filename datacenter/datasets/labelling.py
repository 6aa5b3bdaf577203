"""Labelling: add and remove labels of selected files, as a new version."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from datacenter.archives.arrow_bytes import texts
from datacenter.database.engine import Database, new_id, now
from datacenter.datasets.columns import Mask, label_lists, true_count
from datacenter.datasets.files import has_label
from datacenter.datasets.manifest import ManifestTotals, manifest_folder, read_rows, write_manifest
from datacenter.datasets.models import Dataset, DatasetVersion, LabelCount, Litter
from datacenter.datasets.records import find_version
from datacenter.datasets.resources import Resources
from datacenter.errors import Conflict, Invalid, NotFound, VersionConflict
from datacenter.observability.context import actor
from storage_adapters.errors import StorageError
from storage_adapters.object_storage.contract import Storage

TRIES = 5


@dataclass(frozen=True, kw_only=True)
class FileSelection:
    """The files that match every given condition; without any condition, all files."""

    paths: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    prefix: str | None = None


@dataclass(kw_only=True)
class PathMatches:
    """What a selection has matched so far."""

    paths: set[str] = field(default_factory=set)
    """Those of its paths that the dataset has, whether or not the other conditions match."""
    files: int = 0


def relabel(
    resources: Resources,
    project_id: str,
    dataset_id: str,
    *,
    select: FileSelection,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    also: Callable[[Session, DatasetVersion], None],
) -> DatasetVersion:
    """Write a new manifest with the changed labels and publish it as the newest version.

    `also` runs in the transaction that publishes. If another request publishes first, the change is made again on top
    of it. If no file matches the selection, nothing changes: the newest version is returned as it is.

    Raises: NotFound, DatasetNotReady, Conflict (it is a table), Invalid (a path that the dataset does not have, too many labels),
        VersionConflict (other requests published first several times, or it took the better part of an hour).
    """
    for _ in range(TRIES):
        version = _attempt(resources, project_id, dataset_id, select, add, remove, also)
        if version is not None:
            return version
    raise VersionConflict("other requests change the dataset's labels at the same time; try again")


def _attempt(
    resources: Resources,
    project_id: str,
    dataset_id: str,
    select: FileSelection,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    also: Callable[[Session, DatasetVersion], None],
) -> DatasetVersion | None:
    """The new version; the newest one if no file was selected; None if another request published first."""
    with resources.database.reading() as session:
        dataset, base = find_version(session, project_id, dataset_id)
    if dataset.kind == "table":
        raise Conflict(
            "the labels of a table are the values of its label column; change them there and import the table again"
        )
    storage = resources.storages.open(dataset.storage)
    folder = manifest_folder(dataset_id, base.version + 1, new_id()[-12:])
    draft = begin_draft(resources.database, dataset.storage, folder)
    key, matches = f"{folder}manifest.parquet", PathMatches()

    def publish(session: Session) -> DatasetVersion | None:
        if matches.files:
            return _publish(session, base, key, totals, draft, also)
        also(session, base)
        return base

    try:
        rows = _changed(read_rows(storage, base.manifest_key), select, add, remove, matches)
        totals = write_manifest(storage, key, rows)
        _check(resources, select, matches, totals)
        version = resources.database.run(publish)
    except SQLAlchemyError:
        # The commit may have succeeded all the same; if not, the manifest is still a draft.
        raise
    except BaseException:
        _discard(storage, key)
        raise
    if version is None or version is base:
        _discard(storage, key)
    return version


def _discard(storage: Storage, key: str) -> None:
    """Remove a manifest that was not published; if that fails now, the sweep removes it with its draft."""
    with suppress(StorageError):
        list(storage.delete([key]))


def publish_labels(session: Session, dataset_id: str, labels: dict[str, int]) -> None:
    """Replace a dataset's label counts."""
    session.execute(delete(LabelCount).where(LabelCount.dataset_id == dataset_id))
    if labels:
        counts = [
            {"dataset_id": dataset_id, "label": label, "files": files} for label, files in labels.items()
        ]
        session.execute(insert(LabelCount), counts)


def _publish(
    session: Session,
    base: DatasetVersion,
    key: str,
    totals: ManifestTotals,
    draft: str,
    also: Callable[[Session, DatasetVersion], None],
) -> DatasetVersion | None:
    """Publish, or return None if the dataset has a newer version by now."""
    moment = now(session)
    moved = session.execute(
        update(Dataset)
        .where(Dataset.id == base.dataset_id, Dataset.version == base.version)
        .values(version=base.version + 1, updated_at=moment)
    )
    if moved.rowcount == 0:  # type: ignore[attr-defined]  # an UPDATE's result has it
        if session.get(Dataset, base.dataset_id) is None:
            raise NotFound(f"there is no dataset {base.dataset_id}")
        return None
    if not keep_draft(session, draft):
        raise VersionConflict("writing the new version took too long; try again")
    version = DatasetVersion(
        created_by=actor(),
        dataset_id=base.dataset_id,
        version=base.version + 1,
        manifest_key=key,
        files=totals.files,
        size_bytes=totals.size_bytes,
        comment="labels changed",
        created_at=moment,
    )
    session.add(version)
    publish_labels(session, base.dataset_id, totals.labels)
    session.flush()
    also(session, version)
    return version


def _check(resources: Resources, select: FileSelection, matches: PathMatches, totals: ManifestTotals) -> None:
    missing = set(select.paths or ()) - matches.paths
    if missing:
        raise Invalid(f"select.paths: the dataset has no file {min(missing)!r}", field="select.paths")
    max_labels = resources.settings.limits.labels
    if len(totals.labels) > max_labels:
        raise Invalid(f"add: a dataset can have at most {max_labels} different labels", field="add")


def _changed(
    tables: Iterator[pa.Table],
    select: FileSelection,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    matches: PathMatches,
) -> Iterator[pa.Table]:
    wanted = pa.array(select.paths, pa.string()) if select.paths is not None else None
    gone = set(remove)
    for table in tables:
        if wanted is not None:
            named = pc.is_in(table["path"], value_set=wanted)
            matches.paths.update(texts(table["path"].filter(named)))
        mask = _selected(table, select, wanted)
        chosen = mask.to_pylist()
        matches.files += true_count(mask)
        lists = label_lists(table["labels"])
        for row, labels in enumerate(lists):
            if chosen[row]:
                kept = [label for label in labels if label not in gone]
                lists[row] = list(dict.fromkeys([*kept, *add]))
        index = table.schema.get_field_index("labels")
        yield table.set_column(index, table.schema.field(index), pa.array(lists, pa.list_(pa.string())))


def _selected(table: pa.Table, select: FileSelection, wanted: pa.StringArray | None) -> Mask:
    mask = pa.array([True] * table.num_rows, pa.bool_())
    if wanted is not None:
        mask = pc.and_(mask, pc.is_in(table["path"], value_set=wanted))
    if select.labels is not None:
        mask = pc.and_(mask, has_label(table["labels"], list(select.labels)))
    if select.prefix is not None:
        mask = pc.and_(mask, pc.starts_with(table["path"], select.prefix))
    return mask


LIFETIME = timedelta(hours=1)
"""The time to write a draft and publish it."""
MARGIN = timedelta(minutes=10)
"""A draft that is due in less time may be removed before the commit that publishes it."""


def begin_draft(database: Database, storage: str, prefix: str) -> str:
    """Commit that everything under `prefix` is removed in an hour, even if this process dies; returns the draft's id."""
    with database.transaction() as session:
        draft = Litter(id=new_id(), storage=storage, prefix=prefix, due_at=now(session) + LIFETIME)
        session.add(draft)
    return draft.id


def keep_draft(session: Session, draft: str) -> bool:
    """Keep a draft in the transaction that publishes it; False if it took too long and the draft is due for removal."""
    in_time = (Litter.id == draft, Litter.due_at > now(session) + MARGIN)
    kept = session.execute(delete(Litter).where(*in_time))
    return kept.rowcount == 1  # type: ignore[attr-defined,no-any-return]  # a DELETE's result has it
