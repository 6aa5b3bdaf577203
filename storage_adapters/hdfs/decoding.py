"""Decoding: how often a server decodes the path of a URL, asked once, so that a name arrives there as it is.

Where a request is redirected to, Hadoop decodes the path twice in some versions (HDFS-14423): there `100%41` would be
taken for `100A`, another object.
"""

import re
from collections.abc import Callable
from urllib.parse import SplitResult, parse_qsl, quote, urlencode
from uuid import uuid4

import requests

from storage_adapters.errors import NotSupported

PREFIX = "/webhdfs/v1"

_AT_AWKWARD = re.compile(r"[%+]")
"""Where decoding again would change something."""
_ONCE, _TWICE = "-%41-", "-A-"


class Decoding:
    """What is known of the servers that requests were redirected to; `get` sends a GET and returns the answer."""

    def __init__(self, get: Callable[[str], requests.Response]) -> None:
        self._get = get
        self._times: dict[str, int] = {}

    def address(self, location: SplitResult, path: str) -> str:
        """The URL of the path at the server of a redirect. Raises: NotSupported: it does not tell how it decodes."""
        if not _AT_AWKWARD.search(path):
            return location.geturl()
        times = self._times.get(location.netloc)
        if times is None:
            times = self._times[location.netloc] = self._ask(location, path)
        return location._replace(path=PREFIX + _encoded(path, times)).geturl()

    def _ask(self, location: SplitResult, path: str) -> int:
        """Ask for a file that nobody has: the refusal names what was understood."""
        token = uuid4().hex
        plain = _AT_AWKWARD.split(path, maxsplit=1)[0].rpartition("/")[0]
        query = urlencode({**dict(parse_qsl(location.query)), "op": "OPEN"})
        nobodys = PREFIX + _encoded(f"{plain}/{token}{_ONCE}", 1)
        with self._get(location._replace(path=nobodys, query=query).geturl()) as answer:
            told = answer.text
        for times, understood in ((1, _ONCE), (2, _TWICE)):
            if token + understood in told:
                return times
        raise NotSupported(
            "This server does not tell how it decodes names: with '%' or '+' in them they cannot be read there.",
            key=path,
        )


def _encoded(path: str, times: int) -> str:
    for _ in range(times):
        path = quote(path, "/")
    return path
