"""A server that cannot be talked to is told in words that say what to do."""

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
    assert health.detail.endswith("Is the server up, and are host and port of the URL right?")
