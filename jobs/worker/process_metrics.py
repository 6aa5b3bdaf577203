"""Process metrics: the counts of all processes of one worker, exported together by their parent.

A child writes its counts into files that it shares with the parent, named after its place in the pool. The successor of
a dead child continues its files: the old counts stay, and there are never more files than places.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from billiard.process import current_process
from celery.signals import worker_process_init
from prometheus_client import CollectorRegistry, values
from prometheus_client.multiprocess import MultiProcessCollector

from datacenter.observability.metrics import (
    ConstantCollector,
    Metrics,
    register_build_info,
    serve_metrics_and_health,
)
from datacenter.settings.model import MetricsSettings
from jobs.engine.measuring import begin_measuring

FOLDER = "datacenter-metrics-"
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The variable from which the Prometheus client reads the directory."""


@contextmanager
def serve_worker_metrics(
    settings: MetricsSettings, concurrency: int, require_life: Callable[[], object]
) -> Iterator[None]:
    """Serve Prometheus and liveness probes for this process and all processes forked within the block.

    Does nothing if no port is set.

    Raises: SettingsInvalid if the port cannot be opened.
    """
    if not settings.port:
        yield
        return
    parent = os.getpid()
    folder = _make_folder(parent)
    os.environ[VARIABLE] = str(folder)
    # Set before anything is counted, as the client requires; its default names files after process ids.
    values.ValueClass = values.MultiProcessValue(place_in_pool)  # type: ignore[no-untyped-call]  # the client has no types here
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]  # as above
    register_build_info(registry, "worker")
    about = ConstantCollector("datacenter_worker_concurrency", "Processes of this worker.", concurrency)
    registry.register(about)
    worker_process_init.connect(_begin, weak=False)
    try:
        serve_metrics_and_health(settings, registry, require_life)
        yield
    finally:
        if os.getpid() == parent:
            shutil.rmtree(folder, ignore_errors=True)


def place_in_pool() -> str:
    """The index of this process in the pool; no two living processes have the same."""
    return str(getattr(current_process(), "index", "parent"))


def _begin(**_: object) -> None:
    begin_measuring(Metrics())


def _make_folder(pid: int) -> Path:
    """A new directory; those of killed workers are removed, so that restarts do not fill the disk."""
    parent = Path(tempfile.gettempdir())
    for folder in parent.glob(f"{FOLDER}*-*"):
        owner = folder.name.removeprefix(FOLDER).partition("-")[0]
        if owner.isdigit() and (int(owner) == pid or not Path(f"/proc/{owner}").exists()):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{FOLDER}{pid}-", dir=parent))
