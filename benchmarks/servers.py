"""Private servers, the same as in the tests: started for one scenario, stopped after it."""

from collections.abc import Iterator
from contextlib import contextmanager

from services.run_matrix import missing_programs, running
from services.server import Server


class NotInstalled(Exception):
    """A scenario cannot be measured on this machine; the message names what is missing."""


@contextmanager
def started(server: type[Server]) -> Iterator[str]:
    """The server's URL while it runs. Raises: NotInstalled: not all of its programs are installed."""
    if missing := missing_programs({server.name: server}):
        raise NotInstalled(
            f"{server.name}: {', '.join(missing)} not installed; see tests/services/install.sh"
        )
    with running({server.name: server}) as urls:
        yield urls[server.name]
