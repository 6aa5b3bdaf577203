"""The states of jobs and shards, and the one table of moves between them."""

from enum import StrEnum


class JobKind(StrEnum):
    """What a job does; each kind has a queue of its own name."""

    IMPORT = "import"
    EXPORT = "export"
    DOWNLOAD = "download"
    DELETE = "delete"


class JobState(StrEnum):
    """As a client sees a job; the field's own names."""

    PENDING = "PENDING"
    """Committed; waits for its time, for other jobs, or to be rung for."""
    RECEIVED = "RECEIVED"
    """The broker has rung for it."""
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
    """Where a shard stands in plan → shards → finish; `undo` removes what a job that will not succeed has made."""

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
    """Its job was cancelled or failed before this shard was done."""
