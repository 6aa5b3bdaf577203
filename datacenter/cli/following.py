"""Following a job to its end, and what its end means for the command."""

import shlex
from typing import get_args

from datacenter.archives.errors import ArchiveCode
from datacenter.cli.display import duration, safe
from datacenter.cli.errors import CommandFailed, Interrupted
from datacenter.cli.progress import Meter
from datacenter.client import Client, ClientError, Job
from datacenter.formats.errors import LabelsCode

FOR_GOOD = frozenset(
    (
        *get_args(ArchiveCode),
        *get_args(LabelsCode),
        "COLUMN_UNSUPPORTED",
        "NOTHING_TO_IMPORT",
        "QUERY_INVALID",
        "TABLE_MISSING",
        "TABLE_NAME_INVALID",
        "VALUE_UNSUPPORTED",
    )
)
"""Codes of what is wrong with the source, or with what was asked for: the same fails again, however often it is tried."""
FOR_GOOD_IN_AN_IMPORT = FOR_GOOD | {"OBJECT_MISSING"}


class JobFailed(CommandFailed):
    """A job ended in FAILURE or REVOKED."""

    def __init__(self, job: Job, *, cure: str) -> None:
        reason = f"{job.error.code}: {safe(job.error.message)}" if job.error else "it was cancelled"
        entry = f" (in {safe(job.error.entry)})" if job.error and job.error.entry else ""
        super().__init__(f"the {job.kind} failed: {reason}{entry}", cure=cure)
        self.job = job


def follow(client: Client, job: Job, meter: Meter) -> Job:
    """Show a job's progress until it is finished. Raises: JobFailed, Interrupted."""
    try:
        finished = client.jobs.wait(job, on_progress=meter.job)
    except KeyboardInterrupt:
        raise Interrupted(
            f"the {job.kind} goes on without being watched",
            cure=f"datacenter jobs watch {job.id} shows it again, datacenter jobs cancel {job.id} stops it",
        ) from None
    if not finished.succeeded:
        raise JobFailed(finished, cure=_cure(client, finished))
    return finished


def took(job: Job) -> str:
    """`in 1.2 s`, from the request to the end."""
    if job.created_at is None or job.finished_at is None:
        return ""
    return f"in {duration((job.finished_at - job.created_at).total_seconds())}"


def _cure(client: Client, job: Job) -> str:
    for_good = FOR_GOOD_IN_AN_IMPORT if job.kind == "import" else FOR_GOOD
    if job.error is None or job.error.code not in for_good:
        return f"to try again: datacenter jobs retry {job.id}"
    if job.kind != "import" or not job.dataset_ids:
        return "the same fails again; change what is asked for"
    dataset = shlex.quote(_name(client, job.dataset_ids[0]))
    return f"to try again: datacenter datasets delete {dataset} --yes, then import again"


def _name(client: Client, dataset_id: str) -> str:
    """What the dataset can be called on a command line: its id, if its name cannot be typed or is not to be had."""
    try:
        name = client.datasets.get(dataset_id).name
    except ClientError:
        return dataset_id
    return name if name.isprintable() and not name.startswith("-") else dataset_id
