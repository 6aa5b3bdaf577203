"""The web process: uvicorn runs the application, and stops within ten seconds whatever is open."""

import asyncio
import resource
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from types import FrameType

import uvicorn

from datacenter.datasets.resources import Resources
from datacenter.settings.model import Settings
from datacenter.web.admission import MAX_REQUESTS
from datacenter.web.app import create_app
from datacenter.web.connections import CROWD, Connection, Doors
from datacenter.web.metrics import metrics_served

STOP_SECONDS = 10
OPEN_CONNECTIONS = 8 * MAX_REQUESTS
OTHER_FILES = 1000
"""Open files beside connections of clients: database, storages, libraries."""
TICKS_PER_SECOND = 10
"""How often uvicorn's main loop turns."""


class Server(uvicorn.Server):
    """Sets `stopping` at the first signal, so that event streams end.

    `beside` is a context that is entered before the server starts and left after it stops.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        stopping: threading.Event,
        on_ready: Callable[[str], None] | None,
        beside: AbstractContextManager[None],
        doors: Doors,
    ) -> None:
        super().__init__(config)
        self._doors = doors
        self._stopping = stopping
        self._on_ready = on_ready
        self._beside = beside

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT or SIGTERM; a second SIGINT stops without waiting."""
        self.stop()
        super().handle_exit(sig, frame)

    def stop(self) -> None:
        """Stop as at a signal; for a server that runs in a thread."""
        self._stopping.set()
        self.should_exit = True

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until `stop` or a signal."""
        with self._beside:
            await super().serve(sockets)

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second; whether to stop."""
        if counter % TICKS_PER_SECOND == 0:
            self._doors.sweep(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, then report the address: port 0 has a number only now."""
        await super().startup(sockets)
        if self.started and self._on_ready:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._on_ready(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")


def build_server(
    settings: Settings,
    resources: Resources | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> Server:
    """A server that is not running yet, on the given resources or on its own."""
    app = create_app(settings, resources)
    doors = Doors(
        limit=_raise_open_files(OPEN_CONNECTIONS),
        heads=app.state.limits.heads,
        proxies=app.state.proxies,
        observer=app.state.metrics,
    )
    config = uvicorn.Config(
        app,
        host=settings.web.host,
        port=settings.web.port,
        loop="uvloop",
        http=partial(Connection, doors),  # type: ignore[arg-type]  # called like a class
        ws="none",
        lifespan="on",
        log_config=None,  # its lines go through our own logging
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return Server(config, app.state.stopping, on_ready, metrics_served(settings, app.state.metrics), doors)


def _raise_open_files(connections: int) -> int:
    """Ask the system for as many open files as the connections need; how many connections there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = int(connections * CROWD) + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return min(connections, soft // 2)
    return connections


def serve(settings: Settings, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` is called with the address once connections are accepted.

    Raises: SettingsInvalid, when `web.metrics_port` cannot be opened.

    uvicorn raises the signal that stopped it once more; a requested stop is no failure, so this returns.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if threading.current_thread() is threading.main_thread():
            signal.signal(number, _nothing)
    build_server(settings, on_ready=on_ready).run()


def _nothing(_: int, __: FrameType | None) -> None:
    """uvicorn has its own handlers while it runs; this one is for the signal that it raises after its stop."""
