"""The web application on a real server in a thread, with SQLite, a directory and a doorbell that only records rings."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from services.moto_server import MotoServer
from support.jobs.workbench import Workbench
from support.storages.s3_places import ROWS, Gateway, s3_place

from datacenter.access.projects import ensure_project
from datacenter.access.tokens import create_token
from datacenter.database.engine import Database
from datacenter.datasets.resources import Resources
from datacenter.ledger.doorbell import Doorbell
from datacenter.migrations import migrate
from datacenter.settings.model import BrokerSettings, LimitSettings, Settings, StorageSettings
from datacenter.storages.opener import Storages
from datacenter.web.server import build_server

REGISTRATION_KEY = "cmVnaXN0cmF0aW9uLWtleS1vZi10aGUtdGVzdHMtMDE="
TUS = {"Tus-Resumable": "1.0.0"}


class ListeningDoorbell(Doorbell):
    """Remembers the rings."""

    def __init__(self) -> None:
        super().__init__(BrokerSettings())
        self.rings: list[tuple[str, str]] = []

    def ring(self, queue: str, job_id: str) -> None:
        self.rings.append((queue, job_id))

    def heard(self, job_id: str) -> list[tuple[str, str]]:
        """The rings for a job, once there is one: it is rung beside the answer."""
        end = time.monotonic() + 5
        while time.monotonic() < end and not any(rung == job_id for _, rung in self.rings):
            time.sleep(0.01)
        return [ring for ring in self.rings if ring[1] == job_id]


@dataclass(frozen=True, kw_only=True)
class Web:
    """A running server and one client of it."""

    url: str
    resources: Resources
    doorbell: ListeningDoorbell
    project_id: str
    token: str
    client: httpx.Client

    def token_of(self, project: str) -> str:
        """A token for another project."""
        with self.resources.database.transaction() as session:
            return create_token(session, ensure_project(session, project).id, "test")[1]

    def upload(self, data: bytes, filename: str = "YS56aXA=") -> str:
        """A finished upload's id; `filename` is base64."""
        headers = {**TUS, "Upload-Length": str(len(data)), "Upload-Metadata": f"filename {filename}"}
        headers["Content-Type"] = "application/offset+octet-stream"
        response = self.client.post("/api/v1/uploads", headers=headers, content=data)
        assert response.status_code == 201, response.text
        return response.headers["Location"].rsplit("/", 1)[-1]

    def new_dataset(self, name: str, **more: Any) -> dict[str, Any]:
        """The body of a request that imports an upload."""
        return {"name": name, "source": {"upload": self.upload(b"PK")}, **more}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    home: Path = tmp_path_factory.mktemp("web")
    (home / "nas").mkdir()
    settings = Settings(
        database={"url": f"sqlite:///{home}/test.db"},
        storages={
            "default": {
                "kind": "nas",
                "url": f"nas://{home}/nas",
            },
            "lake": {"kind": "memory", "url": f"memory://{home}"},
            "bucket": {
                "kind": "cos",
                "url": "cos://user:canary@host/bucket?key=canary",
                "options": {"secret_key": "canary", "region": "x"},
            },
        },
        registration={"keys": [REGISTRATION_KEY]},
        web={"port": 0, "secret_key": "s" * 32, "body_bytes": 10_000},
        limits={"upload_bytes": 64 << 20},
    )
    doorbell = ListeningDoorbell()
    database = Database(settings.database)
    resources = Resources(
        settings=settings,
        database=database,
        storages=Storages(settings, database),
        doorbell=doorbell,
    )
    migrate(settings.database)
    with resources.database.transaction() as session:
        project = ensure_project(session, "default")
        _, token = create_token(session, project.id, "test")
    with serving(resources) as url:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
            yield Web(
                url=url,
                resources=resources,
                doorbell=doorbell,
                project_id=project.id,
                token=token,
                client=client,
            )
    resources.close()


@contextmanager
def serving(resources: Resources) -> Iterator[str]:
    """The address of a server on these resources, in a thread; it has stopped afterwards."""
    ready = threading.Event()
    address: list[str] = []
    server = build_server(resources.settings, resources, lambda url: (address.append(url), ready.set()))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert ready.wait(10)
        yield address[0]
    finally:
        server.stop()
        thread.join(15)
        assert not thread.is_alive()


@pytest.fixture
def serving_on() -> Callable[[Resources], AbstractContextManager[str]]:
    """Starts another server with the current state."""
    return serving


@dataclass(frozen=True, kw_only=True)
class Served:
    """A data centre whose jobs are done by `bench.work()`, and a client of it."""

    bench: Workbench
    client: httpx.Client

    def done(self, response: httpx.Response) -> dict[str, Any]:
        """The finished job that an accepted request started."""
        assert response.status_code == 202, response.text
        self.bench.work()
        job: dict[str, Any] = self.client.get(response.headers["Location"]).json()
        assert job["state"] == "SUCCESS", job["error"]
        return job


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    bench = Workbench(tmp_path_factory.mktemp("served"))
    with _client_of(bench) as client:
        yield Served(bench=bench, client=client)


@dataclass(frozen=True, kw_only=True)
class ServedBucket(Served):
    """One with a storage named `bucket` beside the default one."""

    proxy: str
    """A client without a key of the bucket connects to this, whatever host the bucket's links name."""


@pytest.fixture(scope="module", params=[row for row in ROWS if row != "cos on moto"])
def served_bucket(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedBucket]:
    with ExitStack() as stack:

        def moto() -> Gateway:
            server = stack.enter_context(MotoServer(tmp_path_factory.mktemp("moto")))
            return Gateway(endpoint=server.url, attempts=2)

        place = s3_place(request.param, moto)
        bucket = StorageSettings(kind=place.kind, url=place.url, options=dict(place.options))
        bench = Workbench(
            tmp_path_factory.mktemp("served-bucket"),
            limits=LimitSettings(upload_bytes=1 << 40),
            storages={"bucket": bucket},
        )
        client = stack.enter_context(_client_of(bench))
        yield ServedBucket(bench=bench, client=client, proxy=place.gateway.endpoint)


@contextmanager
def _client_of(bench: Workbench) -> Iterator[httpx.Client]:
    """A client of a server on the bench, which is closed with it."""
    with bench.database.transaction() as session:
        _, token = create_token(session, bench.project_id, "test")
    settings = bench.resources.settings
    on_free_port = settings.model_copy(update={"web": settings.web.model_copy(update={"port": 0})})
    with serving(replace(bench.resources, settings=on_free_port)) as url:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
            yield client
    bench.close()
