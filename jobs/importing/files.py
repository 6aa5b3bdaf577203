"""The finish of an import of files: merge the fragments of all shards into one manifest."""

from collections.abc import Iterator
from typing import Any

from datacenter.datasets.manifest import ManifestTotals, merge_sorted, write_manifest
from datacenter.formats.errors import LabelsInvalid
from jobs.cleanup import remove
from jobs.contract import JobContext
from jobs.importing.plan_file import MAX_WARNINGS
from jobs.importing.source import Imported
from jobs.importing.staging import ImportStaging


def finish_files(job: JobContext, staging: ImportStaging, results: Iterator[dict[str, Any]]) -> Imported:
    """Merge the fragments into the manifest, and remove objects that are not files of the dataset.

    Raises: LabelsInvalid if there are more different labels than a dataset can have.
    """
    fragments: list[str] = []
    warnings: list[str] = []
    dropped: list[str] = []
    label_file: str | None = None
    for result in results:
        fragments += result["fragments"]
        warnings += result.get("warnings", ())
        dropped += result.get("dropped", ())
        label_file = result.get("label_file", label_file)
    rows = job.checked(merge_sorted(staging.read_fragment(fragment) for fragment in fragments))
    totals = write_manifest(staging.storage, staging.manifest_key, rows)
    _check_labels(job, totals)
    remove(staging.storage, dropped)
    return Imported(totals=totals, learned={"warnings": warnings[:MAX_WARNINGS], "label_file": label_file})


def _check_labels(job: JobContext, totals: ManifestTotals) -> None:
    allowed = job.resources.settings.limits.labels
    if len(totals.labels) > allowed:
        detail = f"the files have {len(totals.labels)} different labels; a dataset can have at most {allowed}"
        raise LabelsInvalid("TOO_MANY_LABELS", detail)
