"""The contract of import sources, which an archive, a prefix and a table each implement."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from datacenter.archives.limits import Limits
from datacenter.datasets.manifest import ManifestTotals
from jobs.contract import JobContext, Plan
from jobs.importing.staging import ImportStaging


@dataclass(frozen=True, kw_only=True)
class Imported:
    """The outcome of a finish: the manifest's totals, extra fields of the job's result, and columns of the dataset."""

    totals: ManifestTotals
    learned: Mapping[str, Any]
    columns: Mapping[str, Any] = field(default_factory=dict)


class ImportSource(Protocol):
    """One kind of source. Every method can run twice, as those of a `JobRunner`."""

    def plan(self, job: JobContext, staging: ImportStaging) -> Plan:
        """Split the import into shards."""

    def run_shard(self, job: JobContext, staging: ImportStaging, spec: dict[str, Any]) -> dict[str, Any]:
        """Import one shard; its small result is passed to `finish`."""

    def finish(self, job: JobContext, staging: ImportStaging, results: Iterator[dict[str, Any]]) -> Imported:
        """Write the manifest from the results of the shards, in the order of their numbers."""

    def title(self, source: Mapping[str, Any]) -> str:
        """The source as it is shown to people."""


def limits_of(job: JobContext) -> Limits:
    """The limits of an import, from the settings."""
    limits = job.resources.settings.limits
    return Limits(
        entries=limits.entries,
        entry_bytes=limits.entry_bytes,
        total_bytes=limits.total_bytes,
        path_bytes=limits.path_bytes,
        segment_bytes=limits.segment_bytes,
        depth=limits.depth,
        index_bytes=limits.index_bytes,
    )
