"""Totals of a selection: what an export would hold, from manifests alone."""

from dataclasses import dataclass, field

from datacenter.datasets.manifest import ManifestTotals, read_rows
from datacenter.datasets.resources import Resources
from datacenter.datasets.selection import LabelFilter, SelectedVersion, Selection, filtered_rows
from datacenter.datasets.table_parts import PartNote


@dataclass(kw_only=True)
class SelectionTotals:
    """Labels count files, and rows where they are of tables; `rows` is None without any table."""

    files: int = 0
    size_bytes: int = 0
    rows: int | None = None
    labels: dict[str, int] = field(default_factory=dict)

    def add(self, files: int, size_bytes: int, labels: dict[str, int]) -> None:
        """Count some more."""
        self.files += files
        self.size_bytes += size_bytes
        for label, count in labels.items():
            self.labels[label] = self.labels.get(label, 0) + count


def totals_of(resources: Resources, selection: Selection) -> SelectionTotals:
    """What the selection comes to. Of a part that loses rows the bytes are a guess, in proportion to its rows."""
    totals = SelectionTotals()
    for version in selection.versions:
        if version.kind == "table":
            _add_table(resources, version, selection.labels, totals)
        else:
            counted = ManifestTotals()
            for table in filtered_rows(
                resources, version, selection.labels, ["path", "labels", "size_bytes"]
            ):
                counted.add(table)
            totals.add(counted.files, counted.size_bytes, counted.labels)
    return totals


def _add_table(
    resources: Resources, version: SelectedVersion, labels: LabelFilter, totals: SelectionTotals
) -> None:
    totals.rows = totals.rows or 0
    storage = resources.storages.open(version.storage)
    for table in read_rows(storage, version.manifest_key, ["size_bytes", "annotation"]):
        for part in table.to_pylist():
            note = PartNote.from_text(part["annotation"])
            kept = note.matching(labels)
            if kept.rows or labels == LabelFilter():
                size_bytes = part["size_bytes"] * kept.rows // note.rows if note.rows else part["size_bytes"]
                totals.add(1, size_bytes, dict(kept.labels))
                totals.rows += kept.rows
