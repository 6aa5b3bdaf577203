"""Addresses: a text that cannot be a name is rejected, and never becomes another address."""

import pytest

from datacenter.client import Problem
from datacenter.client.addresses import address


def test_a_name_is_one_segment_whatever_is_in_it() -> None:
    assert address("datasets", "a?b#c%", "files") == "/datasets/a%3Fb%23c%25/files"


@pytest.mark.parametrize("name", ["", ".", "..", "../datasets", "a/b"])
def test_what_no_name_can_be_is_not_found_and_not_asked_for(name: str, client_of) -> None:
    asked = []
    client = client_of(asked.append)

    for call in (client.jobs.get, client.storages.get, client.datasets.get, client.exports.get):
        with pytest.raises(Problem, match="there is nothing named") as caught:
            call(name)
        assert caught.value.code == "NOT_FOUND"
    assert asked == []
