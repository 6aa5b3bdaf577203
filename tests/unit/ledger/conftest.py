"""A fresh ledger for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.jobs.ledger_desk import LedgerDesk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[LedgerDesk]:
    desk = LedgerDesk(tmp_path)
    yield desk
    desk.database.close()
