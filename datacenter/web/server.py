"""The web process: uvicorn on the application, stopped within ten seconds whatever is open."""

import signal
import socket
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType

import uvicorn

from datacenter.datasets.resources import Resources
from datacenter.settings.model import Settings
from datacenter.web.app import MAX_REQUESTS, create_app
from datacenter.web.metrics import request_labels

STOP_SECONDS = 10
OPEN_CONNECTIONS = 8 * MAX_REQUESTS
"""Beyond it uvicorn itself refuses, health checks too; below it the application does, with a problem."""


class Server(uvicorn.Server):
    """Tells the application at the first signal that it is to stop, so that event streams end by themselves.

    `beside` is entered before anything is served, and left when everything was.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        stopping: threading.Event,
        on_ready: Callable[[str], None] | None,
        beside: AbstractContextManager[None],
    ) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._on_ready = on_ready
        self._beside = beside

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT or SIGTERM; the second SIGINT does not wait for anybody."""
        self.stop()
        super().handle_exit(sig, frame)

    def stop(self) -> None:
        """Stop as at a signal; for whoever runs the server in a thread."""
        self._stopping.set()
        self.should_exit = True

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to stop."""
        with self._beside:
            await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, then say where: with port 0 nobody knew before."""
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
    config = uvicorn.Config(
        app,
        host=settings.web.host,
        port=settings.web.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,  # its lines go where all others go
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=OPEN_CONNECTIONS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return Server(config, app.state.stopping, on_ready, request_labels(settings, app.state.metrics))


def serve(settings: Settings, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` is called with the address once connections are taken.

    Raises: SettingsInvalid, when `web.metrics_port` cannot be listened at.

    uvicorn ends by raising the signal that stopped it again; a stop that was asked for is no failure, so it returns.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if threading.current_thread() is threading.main_thread():
            signal.signal(number, _nothing)
    build_server(settings, on_ready=on_ready).run()


def _nothing(_: int, __: FrameType | None) -> None:
    """uvicorn has its own handlers while it runs; this one is for the signal it raises when it has stopped."""
