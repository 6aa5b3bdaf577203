"""Decoding: how often a server decodes the path of a URL, found out once, so that names arrive unchanged.

Some versions of Hadoop decode the path of a redirected request twice (HDFS-14423): `100%41` would become `100A`,
another object.
"""

import re
from collections.abc import Callable
from urllib.parse import SplitResult, parse_qsl, quote, urlencode
from uuid import uuid4

import requests

from storage_adapters.errors import NotSupported

PREFIX = "/webhdfs/v1"

_AT_AWKWARD = re.compile(r"[%+]")
"""Characters that a second decoding would change."""
_ONCE, _TWICE = "-%41-", "-A-"


class Decoding:
    """What is known about the servers that requests are redirected to; `get` sends a GET and returns the answer."""

    def __init__(self, get: Callable[[str], requests.Response]) -> None:
        self._get = get
        self._times: dict[str, int] = {}

    def address(self, location: SplitResult, path: str) -> str:
        """The URL of the path at the server of a redirect. Raises: NotSupported: it does not show how it decodes."""
        if not _AT_AWKWARD.search(path):
            return location.geturl()
        times = self._times.get(location.netloc)
        if times is None:
            times = self._times[location.netloc] = self._ask(location, path)
        return location._replace(path=PREFIX + _encoded(path, times)).geturl()

    def _ask(self, location: SplitResult, path: str) -> int:
        """Ask for a file that does not exist: the error names the path as the server decoded it."""
        token = uuid4().hex
        plain = _AT_AWKWARD.split(path, maxsplit=1)[0].rpartition("/")[0]
        query = urlencode({**dict(parse_qsl(location.query)), "op": "OPEN"})
        missing = PREFIX + _encoded(f"{plain}/{token}{_ONCE}", 1)
        with self._get(location._replace(path=missing, query=query).geturl()) as answer:
            text = answer.text
        for times, understood in ((1, _ONCE), (2, _TWICE)):
            if token + understood in text:
                return times
        raise NotSupported(
            "This server does not show how it decodes names, so names with '%' or '+' cannot be read: rename the files.",
            key=path,
        )


def _encoded(path: str, times: int) -> str:
    for _ in range(times):
        path = quote(path, "/")
    return path
