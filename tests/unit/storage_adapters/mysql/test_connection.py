"""A server that cannot be reached gives a message that says what to do."""

import socket
import time

import pytest

from storage_adapters.mysql import MysqlStorage


@pytest.mark.parametrize("reach", ["any", "far"])
@pytest.mark.parametrize("host", ["127.0.0.1:1", "nowhere.invalid"])
def test_a_server_that_is_not_there_is_told_with_the_cure_however_far_we_may_reach(
    host: str, reach: str
) -> None:
    storage = MysqlStorage.from_url(f"mysql://user:secret@{host}", {"connect_seconds": 5, "reach": reach})
    health = storage.check()
    assert not health.ok
    assert health.detail.endswith("Check that the server is running, and the URL's host and port.")


def test_whoever_is_connected_to_and_says_nothing_is_waited_for_as_long_as_for_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        options = {"connect_seconds": 1, "stall_seconds": 60}
        storage = MysqlStorage.from_url(f"mysql://user:secret@127.0.0.1:{port}", options)
        begun = time.monotonic()
        assert "that it is MySQL" in storage.check().detail
    assert time.monotonic() - begun < 50
