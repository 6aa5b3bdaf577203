"""Private servers, those of the tests: started for one scenario, gone after it."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.run_matrix import missing_programs, running
from services.server import Server


class NotHere(Exception):
    """A scenario cannot be measured on this machine; the message names what is missing."""


@contextmanager
def started(server: type[Server]) -> Iterator[str]:
    """The server's URL while it runs. Raises: NotHere: not all of its programs are installed."""
    if missing := missing_programs({server.name: server}):
        raise NotHere(f"{server.name}: {', '.join(missing)} not installed; see tests/services/install.sh")
    with running({server.name: server}) as urls:
        yield urls[server.name]
