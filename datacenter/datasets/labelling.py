"""Labelling: add and remove labels of selected files, which makes a new version."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from datacenter.archives.arrow_bytes import texts
from datacenter.database import new_id, now
from datacenter.datasets.columns import Mask, label_lists
from datacenter.datasets.files import has_label
from datacenter.datasets.manifest import ManifestTotals, manifest_key, read_rows, write_manifest
from datacenter.datasets.models import Dataset, DatasetVersion, LabelCount
from datacenter.datasets.records import find_version
from datacenter.datasets.resources import Resources
from datacenter.errors import Invalid, NotFound, VersionConflict

TRIES = 5


@dataclass(frozen=True, kw_only=True)
class FileSelection:
    """Which files: those that every given condition fits; without any condition, all."""

    paths: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    prefix: str | None = None


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

    `also` runs in the transaction that publishes. When somebody else publishes first, the change is made again
    on top of theirs.

    Raises: NotFound, DatasetNotReady, Invalid (a path that the dataset does not have, too many labels),
        VersionConflict (others were quicker several times).
    """
    for _ in range(TRIES):
        with resources.database.reading() as session:
            dataset, base = find_version(session, project_id, dataset_id)
        storage = resources.storages.open(dataset.storage)
        key = manifest_key(dataset_id, base.version + 1, new_id()[-12:])
        seen: set[str] = set()
        rows = _changed(read_rows(storage, base.manifest_key), select, add, remove, seen)
        totals = write_manifest(storage, key, rows)
        try:
            _check(resources, select, seen, totals)
            version = resources.database.run(
                lambda session, base=base, key=key, totals=totals: _publish(session, base, key, totals, also)  # type: ignore[misc]  # the defaults only bind the loop's values
            )
        except SQLAlchemyError:
            # The commit may have been done all the same: the manifest stays, and goes with the dataset.
            raise
        except BaseException:
            list(storage.delete([key]))
            raise
        if version is not None:
            return version
        list(storage.delete([key]))
    raise VersionConflict("the dataset is being labelled by others at the same time; try again")


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
    also: Callable[[Session, DatasetVersion], None],
) -> DatasetVersion | None:
    """Publish unless the dataset has moved on; None then."""
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
    version = DatasetVersion(
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


def _check(resources: Resources, select: FileSelection, seen: set[str], totals: ManifestTotals) -> None:
    missing = set(select.paths or ()) - seen
    if missing:
        raise Invalid(f"select.paths: the dataset has no file {min(missing)!r}", field="select.paths")
    most = resources.settings.limits.labels
    if len(totals.labels) > most:
        raise Invalid(f"add: a dataset can have {most} different labels at most", field="add")


def _changed(
    tables: Iterator[pa.Table],
    select: FileSelection,
    add: tuple[str, ...],
    remove: tuple[str, ...],
    seen: set[str],
) -> Iterator[pa.Table]:
    wanted = pa.array(select.paths, pa.string()) if select.paths is not None else None
    gone = set(remove)
    for table in tables:
        if wanted is not None:
            named = pc.is_in(table["path"], value_set=wanted)
            seen.update(texts(table["path"].filter(named)))
        mask = _selected(table, select, wanted)
        chosen = mask.to_pylist()
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
