"""The web application: made from settings and resources, nothing global."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI

from datacenter.access.tokens import USE_SECONDS
from datacenter.datasets.resources import Resources, open_resources
from datacenter.settings.model import Settings
from datacenter.storages.checking import Checker, Deadline
from datacenter.web import (
    audit,
    dataset_files,
    dataset_labels,
    datasets,
    downloads,
    events,
    exports,
    health,
    jobs,
    links,
    me,
    metrics,
    multipart,
    problems,
    projects,
    reference,
    storages,
    tokens,
    tus,
)
from datacenter.web.addresses import Proxies
from datacenter.web.admission import Admission, BodyLimit, Limits, Turns
from datacenter.web.calls import API, Ringer
from datacenter.web.once_per import OncePer
from datacenter.web.open_uploads import OpenUploads
from datacenter.web.openapi import describe
from datacenter.web.request_middleware import RequestMiddleware
from datacenter.web.roles import operation_id
from datacenter.web.threads import Threads
from datacenter.web.tus_protocol import TusProtocol

REFUSAL_SECONDS, MAX_REFUSALS = 60.0, 100
"""A process adds at most so many refused requests to the audit in that time."""
ROUTERS = (
    tus.router,
    multipart.router,
    datasets.router,
    dataset_files.router,
    dataset_labels.router,
    exports.router,
    downloads.router,
    links.router,
    jobs.router,
    events.router,
    storages.router,
    me.router,
    tokens.router,
    projects.router,
    audit.router,
    health.router,
    metrics.router,
    reference.router,
)
TAGS = [
    {
        "name": "uploads",
        "description": "Upload an archive in pieces: by tus 1.0, or as parts directly to the storage.",
    },
    {"name": "datasets", "description": "Import, list, show, label, delete and restore datasets."},
    {"name": "files", "description": "List and read the files of a dataset."},
    {"name": "exports", "description": "One archive of the files with given labels from several datasets."},
    {"name": "downloads", "description": "Links to download archives."},
    {"name": "jobs", "description": "Slow work in the background: list, watch, cancel, retry."},
    {
        "name": "storages",
        "description": "Where datasets are stored and imported from: register, check, browse.",
    },
    {
        "name": "access",
        "description": "Who you are, tokens of the project, projects of the installation, the audit.",
    },
    {"name": "health", "description": "Health checks and metrics for the operator."},
]


def create_app(settings: Settings, resources: Resources | None = None) -> FastAPI:
    """The application, on the given resources or on resources that it opens and closes."""
    opened = resources or open_resources(settings)
    ringer = Ringer(opened)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        ringer.close()
        if resources is None:
            opened.close()

    # Metrics with a port of their own are served only there.
    routers = [
        router for router in ROUTERS if router is not metrics.router or settings.web.metrics_port is None
    ]
    app = FastAPI(
        title="datacenter",
        version=version("datacenter"),
        description="Manages machine-learning datasets. Slow work is a job that workers do.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        openapi_tags=TAGS,
        redirect_slashes=False,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        telemetry={"tracing": False, "metrics": False},
    )
    app.state.resources = opened
    app.state.ringer = ringer
    app.state.metrics = metrics.RequestCounts(opened.metrics)
    app.state.checker = Checker(opened.storages)
    app.state.token_uses = OncePer(USE_SECONDS)
    app.state.refusals = OncePer(REFUSAL_SECONDS, most=MAX_REFUSALS)
    app.state.deadline = Deadline()
    app.state.stopping = threading.Event()
    app.state.proxies = Proxies(settings.web.trusted_proxies)
    app.state.limits = Limits(
        buffer_bytes=settings.web.buffer_bytes, proxies=app.state.proxies, health=health.PATHS
    )
    app.state.turns = Turns()
    app.state.threads = Threads()
    app.state.open_uploads = OpenUploads()
    # The last one added is the outermost.
    app.add_middleware(BodyLimit, limit_bytes=settings.web.body_bytes, exempt=tus.is_tus_path)
    app.add_middleware(TusProtocol, path=tus.PATH, is_tus_path=tus.is_tus_path)
    app.add_middleware(Admission, limits=app.state.limits)
    app.add_middleware(RequestMiddleware, observer=app.state.metrics)
    problems.install(app, routers)
    for router in routers:
        app.include_router(router)
    app.openapi = partial(describe, app)  # type: ignore[method-assign]  # FastAPI's documented way to complete the document
    return app
