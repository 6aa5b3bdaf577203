"""A server that answers every request with one error, as the S3 tests need it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from support.servers import stubs

Answering = Callable[[int, str], str]


@pytest.fixture
def refusing() -> Iterator[Answering]:
    """Start a server that refuses with this status and code; its endpoint."""
    with ExitStack() as stack:
        yield lambda status, code: stack.enter_context(stubs.refusing(status, code))
