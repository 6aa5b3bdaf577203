"""The Celery side of a worker: a ring makes it serve its own queues, and no others."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from datacenter.ledger.doorbell import RING_TASK
from datacenter.settings.model import BrokerSettings, DatabaseSettings, Settings, StorageSettings, WebSettings
from jobs.worker import celery_app
from jobs.worker.stopping import StopFlag

LOOKED_INTO: list[str] = []


class Recorder:
    """Replaces the engine, and does no work."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def work(self, queue: str) -> None:
        LOOKED_INTO.append(queue)


@pytest.fixture(scope="module")
def task() -> Iterator[Any]:
    """The task of a worker that serves two queues; a process has one such worker."""
    settings = Settings(
        database=DatabaseSettings(url="sqlite://"),
        broker=BrokerSettings(url="memory://"),
        web=WebSettings(secret_key=SecretStr("s" * 40)),
        storages={"default": StorageSettings(kind="memory", url="memory://celery-app")},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(celery_app, "Engine", Recorder)
        patch.setattr(celery_app, "open_resources", lambda _: None)
        patch.setattr(celery_app.memory, "prepare_allocator", lambda: None)
        yield celery_app.create_app(settings, ["import", "export"], StopFlag()).tasks[RING_TASK]


@pytest.fixture
def ring(task: Any) -> Any:
    LOOKED_INTO.clear()
    return task


def test_a_ring_makes_it_look_into_the_queue_that_was_rung_for(ring: Any) -> None:
    ring("export", "")
    ring("import", "some job")

    assert LOOKED_INTO == ["export", "import"]


@pytest.mark.parametrize("queue", ["delete", "", "export ", "nowhere", None, 7, ["import"], {"import": 1}])
def test_a_ring_for_a_queue_that_it_does_not_serve_is_ignored(ring: Any, queue: object) -> None:
    ring(queue, "")

    assert LOOKED_INTO == []
