"""Places in a queue: priority first, then the projects take turns, then age.

Each shard gets its place (`rank`) when it becomes ready, so that a claim is one step down an index. A project's
next shard stands one rank behind its last one, and a project with nothing in the queue begins at the head: with
equal ranks the shards of different projects lie side by side and are served in turn.
"""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from datacenter.ledger.models import Shard
from datacenter.ledger.states import ShardState


def front_rank(session: Session, queue: str, precedence: int) -> int:
    """The rank before all others: the place of work that comes back or that its whole job waits for."""
    least = _least(session, queue, precedence)
    return least - 1 if least is not None else 0


def next_rank(session: Session, queue: str, precedence: int, project_id: str) -> int:
    """The rank for the project's next shard; further shards count up from it."""
    ready = (Shard.queue == queue, Shard.state == ShardState.READY, Shard.precedence == precedence)
    last = session.scalar(select(func.max(Shard.rank)).where(*ready, Shard.project_id == project_id))
    return last + 1 if last is not None else _least(session, queue, precedence) or 0


def _least(session: Session, queue: str, precedence: int) -> int | None:
    ready = (Shard.queue == queue, Shard.state == ShardState.READY, Shard.precedence == precedence)
    return session.scalar(select(func.min(Shard.rank)).where(*ready))
