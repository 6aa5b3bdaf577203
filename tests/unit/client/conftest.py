"""A client whose server is a function and whose pauses take no time."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from datacenter.client import Client, Patience

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def pauses() -> list[float]:
    """The pauses that the client would have made, in seconds."""
    return []


@pytest.fixture
def client_of(pauses: list[float]) -> Iterator[Callable[[Handler], Client]]:
    """Makes clients whose server is the given function."""
    clients: list[Client] = []

    def make(handler: Handler) -> Client:
        patience = Patience(repeats=3, repeats_under_way=6, sleep=pauses.append)
        clients.append(
            Client("http://centre", "dc_secret", patience=patience, transport=httpx.MockTransport(handler))
        )
        return clients[-1]

    yield make
    for client in clients:
        client.close()
