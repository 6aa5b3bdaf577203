"""Follow a job to its end, and turn a failed job into an error of the command."""

import shlex

from datacenter.cli.display import duration, safe
from datacenter.cli.errors import CommandFailed, Interrupted
from datacenter.cli.progress import Meter
from datacenter.client import Client, ClientError, Job


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
            f"the {job.kind} continues in the background",
            cure=f"to watch it: datacenter jobs watch {job.id}; to stop it: datacenter jobs cancel {job.id}",
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
    if job.error is None or job.error.retryable:
        return f"to try again: datacenter jobs retry {job.id}"
    if job.kind != "import" or not job.dataset_ids:
        return "a retry would fail again; change the request"
    dataset = shlex.quote(_name(client, job.dataset_ids[0]))
    return f"to try again: datacenter datasets delete {dataset} --yes, then import again"


def _name(client: Client, dataset_id: str) -> str:
    """The dataset's name for a command line; its id, if the name cannot be typed or read."""
    try:
        name = client.datasets.get(dataset_id).name
    except ClientError:
        return dataset_id
    return name if name.isprintable() and not name.startswith("-") else dataset_id
