"""The resources of every use case: settings, database, storages, doorbell."""

from dataclasses import dataclass, field

from datacenter.database.engine import Database
from datacenter.datasets.layouts import LayoutCache
from datacenter.ledger.counting import count_in
from datacenter.ledger.doorbell import Doorbell
from datacenter.observability.metrics import Metrics
from datacenter.settings.model import Settings
from datacenter.storages.opener import Storages


@dataclass(frozen=True, kw_only=True)
class Resources:
    """Opened once per process and passed on; must not be used after a fork."""

    settings: Settings
    database: Database
    storages: Storages
    doorbell: Doorbell
    layouts: LayoutCache = field(default_factory=LayoutCache)
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        count_in(self.database, self.metrics)

    def close(self) -> None:
        """Close every connection."""
        self.doorbell.close()
        self.database.close()


def open_resources(settings: Settings) -> Resources:
    """Open the resources in the settings; no server is contacted before its first use."""
    database, metrics = Database(settings.database), Metrics()
    return Resources(
        settings=settings,
        database=database,
        storages=Storages(settings, database, metrics),
        doorbell=Doorbell(settings.broker),
        metrics=metrics,
    )
