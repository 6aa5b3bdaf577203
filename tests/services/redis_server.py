"""Redis as a broker: nothing on disk, nothing evicted."""

from services.server import Server, answers


class RedisServer(Server):
    """A Redis on loopback without a password."""

    name = "redis"
    programs = ("redis-server",)

    @property
    def url(self) -> str:
        """A Celery broker URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def launch(self) -> None:
        """Start it in the foreground."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory)]
        self.spawn(
            "redis-server", *options, "--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"
        )

    def is_ready(self) -> bool:
        """Whether it answers a PING."""
        return answers(self.port, b"PING\r\n", b"+PONG")
