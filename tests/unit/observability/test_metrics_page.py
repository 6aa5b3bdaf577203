"""The page of the metrics lists those that the code has, and no other."""

import re
from pathlib import Path

from datacenter.database.engine import Database
from datacenter.ledger.gauges import LedgerCollector
from datacenter.migrations import migrate
from datacenter.observability.metrics import Metrics
from datacenter.settings.model import DatabaseSettings

ROOT = Path(__file__).resolve().parents[3]
ROW = re.compile(r"^\| `(datacenter_\w+)` \| (counter|gauge|histogram) \|", re.MULTILINE)
OF_A_WORKER = {("datacenter_worker_concurrency", "gauge")}
"""Exported by a worker's parent process, which no unit test runs."""


def test_every_metric_has_a_row_of_its_kind_and_every_row_a_metric(tmp_path: Path) -> None:
    settings = DatabaseSettings(url=f"sqlite:///{tmp_path}/datacenter.db")
    migrate(settings)
    database = Database(settings)
    families = [*Metrics().registry.collect(), *LedgerCollector(database).collect()]
    database.close()
    exported = {
        (f"{family.name}_total" if family.type == "counter" else family.name, family.type)
        for family in families
    }

    listed = set(ROW.findall((ROOT / "docs/metrics.md").read_text(encoding="utf-8")))

    assert exported | OF_A_WORKER == listed
