"""A server that answers every request with one error, as the S3 tests need it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import stub_servers

Answering = Callable[[int, str], str]


@pytest.fixture
def refusing() -> Iterator[Answering]:
    """Start a server that refuses with this status and code; its endpoint."""
    with ExitStack() as stack:
        yield lambda status, code: stack.enter_context(stub_servers.refusing(status, code))
