"""Open uploads: how many a project may have begun and not completed, each a row and perhaps bytes on a storage."""

import threading
from collections import OrderedDict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from datacenter.database.engine import now
from datacenter.datasets.models import Upload
from datacenter.web.problems import TooBusy

OPEN_UPLOADS = 1000
MAX_PROJECTS = 10_000


class OpenUploads:
    """Counts in the database, but not for each upload: a count is good for half of what it leaves. Thread-safe."""

    def __init__(self) -> None:
        self._left: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def require_one(self, session: Session, project_id: str) -> None:
        """Let a project begin one more. Raises: TooBusy."""
        with self._lock:
            left = self._left.pop(project_id, 0)
            if left:
                self._remember(project_id, left - 1)
                return
        left = OPEN_UPLOADS - _count(session, project_id)
        if left <= 0:
            raise TooBusy("unfinished uploads")
        with self._lock:
            # The other half is for the other web processes.
            self._remember(project_id, (left - 1) // 2)

    def _remember(self, project_id: str, left: int) -> None:
        self._left[project_id] = left
        if len(self._left) > MAX_PROJECTS:
            self._left.popitem(last=False)


def _count(session: Session, project_id: str) -> int:
    """The uploads that are open, up to the most that may be."""
    is_open = (
        Upload.project_id == project_id,
        Upload.completed.is_(False),
        Upload.expires_at > now(session),
    )
    found = select(Upload.id).where(*is_open).limit(OPEN_UPLOADS).subquery()
    return session.scalar(select(func.count()).select_from(found)) or 0
