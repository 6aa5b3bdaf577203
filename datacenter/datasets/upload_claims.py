"""Claims: the timed right to write an upload, renewed for as long as its holder is at it."""

import threading
from datetime import timedelta
from typing import Any, Self, cast

from sqlalchemy import ColumnElement, CursorResult, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from datacenter.database.engine import now
from datacenter.datasets.models import Upload
from datacenter.datasets.resources import Resources
from datacenter.errors import Locked

CLAIM = timedelta(seconds=30)
"""After so long without a renewal a writer is taken for dead."""
RENEWALS = 3


def take(session: Session, upload: Upload) -> None:
    """Keep everybody else from writing; the row is locked. Raises: Locked: somebody else is at it."""
    moment = now(session)
    if upload.claimed_until is not None and upload.claimed_until > moment:
        raise in_use(upload.id)
    upload.claimed_until = moment + CLAIM


def in_use(upload_id: str) -> Locked:
    """What whoever comes second is told."""
    return Locked(f"somebody else is sending bytes of upload {upload_id}; ask for its offset and go on there")


class Claim:
    """A claim that was taken. Within its block a thread renews it, so that a slow storage does not end it."""

    def __init__(self, resources: Resources, claimed: Upload) -> None:
        self._resources = resources
        self._upload_id = claimed.id
        self._until = claimed.claimed_until
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    @property
    def mine(self) -> ColumnElement[bool]:
        """Whether the row still carries this claim; outside of the block. No two claims end at the same moment."""
        return (Upload.id == self._upload_id) & (Upload.claimed_until == self._until)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def release(self, session: Session) -> None:
        """Give the claim back, if it is still this one."""
        session.execute(update(Upload).where(self.mine).values(claimed_until=None))

    def _renew(self) -> None:
        while not self._done.wait(CLAIM.total_seconds() / RENEWALS):
            try:
                if not self._resources.database.run(self._move):
                    return  # somebody else's by now
            except SQLAlchemyError:
                continue  # there is time for another try

    def _move(self, session: Session) -> bool:
        until = now(session) + CLAIM
        moved = session.execute(update(Upload).where(self.mine).values(claimed_until=until))
        if cast(CursorResult[Any], moved).rowcount == 0:
            return False
        self._until = until
        return True
