"""Import of an archive: detect from its bytes whether it is a zip or a tar, and check that it stays unchanged."""

from collections.abc import Iterator, Mapping
from typing import Any

from datacenter.archives.detect import detect_format
from datacenter.storages.object_file import ObjectSource
from jobs.contract import JobContext, Plan
from jobs.importing.archive_tar import TarPass, import_tar, plan_tar
from jobs.importing.archive_zip import ZipSpan, import_zip_span, plan_zip
from jobs.importing.files import finish_files
from jobs.importing.source import Imported, limits_of
from jobs.importing.source_listing import planned_object, source_unchanged
from jobs.importing.staging import ImportStaging
from jobs.shard_specs import SpecReader
from storage_adapters.object_storage.contract import Storage

HEAD_BYTES = 1024
SPECS = SpecReader[ZipSpan | TarPass](ZipSpan, TarPass)


class ArchiveSource:
    """Zip: read the directory, split by byte range, import spans in parallel. Tar: one pass."""

    def plan(self, job: JobContext, staging: ImportStaging) -> Plan:
        storage, source = _archive(job)
        archive = planned_object(source.info)
        with source_unchanged(job, storage, archive):
            found = detect_format(source.read(0, HEAD_BYTES), job.payload["source"]["filename"])
            if found == "zip":
                return plan_zip(job, source, staging, limits_of(job))
        return plan_tar(source, archive, found)

    def run_shard(self, job: JobContext, staging: ImportStaging, spec: dict[str, Any]) -> dict[str, Any]:
        storage, source = _archive(job)
        wanted = SPECS.read(spec)
        with source_unchanged(job, storage, wanted.archive):
            match wanted:
                case ZipSpan():
                    return import_zip_span(job, source, staging, limits_of(job), wanted)
                case TarPass():
                    return import_tar(job, source, staging, limits_of(job), wanted.format)

    def finish(self, job: JobContext, staging: ImportStaging, results: Iterator[dict[str, Any]]) -> Imported:
        return finish_files(job, staging, results)

    def title(self, source: Mapping[str, Any]) -> str:
        return str(source["filename"] or source["key"])


def _archive(job: JobContext) -> tuple[Storage, ObjectSource]:
    """The archive's storage, and the archive."""
    source = job.payload["source"]
    storages = job.resources.storages
    # An upload lies in the service's own area; everything else was named by a request.
    storage = (storages.open if source.get("upload") else storages.open_source)(source["storage"])
    return storage, ObjectSource(storage, source["key"])
