"""Drafts: what a request writes to a storage before a row names it; litter from the first byte, unless it is published."""

from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from datacenter.database.engine import Database, new_id, now
from datacenter.datasets.models import Litter

LIFETIME = timedelta(hours=1)
"""For all of it: writing the draft and publishing it."""
MARGIN = timedelta(minutes=10)
"""A draft that is due so soon may be removed before the commit that publishes it."""


def begin_draft(database: Database, storage: str, prefix: str) -> str:
    """Commit that everything under `prefix` goes in an hour, whatever becomes of this process; returns the draft's id."""
    with database.transaction() as session:
        draft = Litter(id=new_id(), storage=storage, prefix=prefix, due_at=now(session) + LIFETIME)
        session.add(draft)
    return draft.id


def keep_draft(session: Session, draft: str) -> bool:
    """Keep a draft in the transaction that publishes it; False when it took too long and is being removed."""
    in_time = (Litter.id == draft, Litter.due_at > now(session) + MARGIN)
    kept = session.execute(delete(Litter).where(*in_time))
    return kept.rowcount == 1  # type: ignore[attr-defined,no-any-return]  # a DELETE's result has it
