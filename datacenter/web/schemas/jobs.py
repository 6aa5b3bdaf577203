"""Jobs as a client sees them."""

from typing import Any, Literal

from pydantic import AnyHttpUrl, Field

from datacenter.ledger.options import JobOptions
from datacenter.ledger.states import JobKind, JobState
from datacenter.web.schemas.base import Moment, Request, ResponseBody, ShortText, Time

MAX_JOBS_AWAITED = 100
MAX_WEBHOOKS = 10


class Webhook(Request):
    """A URL to call when the job ends."""

    url: AnyHttpUrl
    on: list[Literal["SUCCESS", "FAILURE"]] = Field(
        default_factory=lambda: list[Literal["SUCCESS", "FAILURE"]](("SUCCESS", "FAILURE")), min_length=1
    )


class JobStartingRequest(Request):
    """Options of every request that starts a job."""

    not_before: Moment | None = Field(None, description="The job waits until this time.")
    after: list[ShortText] = Field(
        default_factory=list, max_length=MAX_JOBS_AWAITED, description="Jobs that must succeed first."
    )
    notify: list[Webhook] = Field(default_factory=list, max_length=MAX_WEBHOOKS)
    priority: int = Field(
        0,
        ge=-100,
        le=100,
        description="Jobs of the project with a higher priority run first; projects take turns.",
    )

    def job_options(self) -> JobOptions:
        """The options as the ledger takes them."""
        return JobOptions(
            not_before=self.not_before,
            after=tuple(self.after),
            notify=tuple(hook.model_dump(mode="json") for hook in self.notify),
            priority=self.priority,
        )


class Progress(ResponseBody):
    """How far a job is; totals are null until they are known."""

    phase: str
    files_done: int
    files_total: int | None
    bytes_done: int
    bytes_total: int | None


class JobError(ResponseBody):
    """Why a job failed; `entry` names the offending entry of an archive.

    `retryable` says whether a retry can succeed, at once or after a repair of the storage. If it is false, the source
    or the request is at fault: a retry is accepted, but fails in the same way.
    """

    code: str
    message: str
    entry: str | None
    retryable: bool


class JobObject(ResponseBody):
    """One request for slow work."""

    id: str
    kind: JobKind
    state: JobState
    project: str
    dataset_ids: list[str]
    progress: Progress
    attempts: int
    error: JobError | None
    result: dict[str, Any] | None
    priority: int
    not_before: Time | None
    after: list[str]
    created_by: str | None
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    cancel_requested_at: Time | None


class JobStarted(ResponseBody):
    """The job that a request started."""

    job: JobObject
