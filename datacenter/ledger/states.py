"""The states of jobs and shards, and the one table of moves between them."""

from enum import StrEnum


class JobKind(StrEnum):
    """What a job does; each kind has a queue of the same name."""

    IMPORT = "import"
    EXPORT = "export"
    DOWNLOAD = "download"
    DELETE = "delete"


QUEUES = tuple(kind.value for kind in JobKind)
"""Each kind has a queue of its name."""


class JobState(StrEnum):
    """The state of a job as clients see it; the names are Celery's."""

    PENDING = "PENDING"
    """Committed; waits for its time, for other jobs, or for its ring."""
    RECEIVED = "RECEIVED"
    """The broker has its ring."""
    STARTED = "STARTED"
    RETRY = "RETRY"
    """A shard failed and waits for its next attempt."""
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    REVOKED = "REVOKED"


FINISHED = frozenset({JobState.SUCCESS, JobState.FAILURE, JobState.REVOKED})

MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.PENDING: frozenset({JobState.RECEIVED, JobState.STARTED, JobState.FAILURE, JobState.REVOKED}),
    JobState.RECEIVED: frozenset({JobState.STARTED, JobState.FAILURE, JobState.REVOKED}),
    JobState.STARTED: frozenset({JobState.RETRY, JobState.SUCCESS, JobState.FAILURE, JobState.REVOKED}),
    JobState.RETRY: frozenset({JobState.STARTED, JobState.FAILURE, JobState.REVOKED}),
    JobState.SUCCESS: frozenset(),
    JobState.FAILURE: frozenset({JobState.PENDING}),
    JobState.REVOKED: frozenset({JobState.PENDING}),
}


class Step(StrEnum):
    """The step of a shard in plan → shards → finish; `undo` removes the results of a job that will not succeed."""

    PLAN = "plan"
    RUN = "run"
    FINISH = "finish"
    UNDO = "undo"


class ShardState(StrEnum):
    WAITING = "WAITING"
    """Not due yet, or its job waits for other jobs."""
    READY = "READY"
    LEASED = "LEASED"
    DONE = "DONE"
    FAILED = "FAILED"
    DROPPED = "DROPPED"
    """The job was cancelled or failed before this shard was done."""
