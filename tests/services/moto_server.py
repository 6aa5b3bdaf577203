"""Moto as an S3 server: no real storage, but one that needs nothing installed and keeps most of S3's promises."""

import sys

from services.server import Server, answers


class MotoServer(Server):
    """A moto server on loopback, which accepts every access key."""

    name = "moto"
    programs = ()

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Start it in the foreground."""
        self.spawn(sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port))

    def is_ready(self) -> bool:
        """Whether it answers HTTP."""
        return answers(self.port, b"HEAD /moto-api/ HTTP/1.0\r\n\r\n", b"HTTP/1.")
