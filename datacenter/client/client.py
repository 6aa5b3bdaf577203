"""The client: one connection pool, one attribute per noun of the API."""

from types import TracebackType

import httpx

from datacenter.client.access import Access, Projects, Tokens
from datacenter.client.calls import TIMEOUT, Calls, Patience
from datacenter.client.datasets import Datasets
from datacenter.client.downloads import Downloads
from datacenter.client.exports import Exports
from datacenter.client.jobs import Jobs
from datacenter.client.storages import Storages
from datacenter.client.uploads import Uploads

LOOPBACK = ("all://localhost", "all://127.0.0.1", "all://[::1]")


class Client:
    """A data centre at `url`, as the holder of `token`.

    Calls are repeated while the server is unavailable (see `Patience`); this is safe for every call. Nothing in
    memory grows with a dataset or a file: lists are iterators, transfers are streams. The proxies of the environment
    are used, but never for this machine itself.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url,
            timeout=TIMEOUT,
            transport=transport,
            mounts=dict.fromkeys(LOOPBACK),
            follow_redirects=False,
        )
        calls = Calls(self._http, token=token, patience=patience or Patience())
        self.datasets = Datasets(calls)
        self.uploads = Uploads(calls)
        self.exports = Exports(calls)
        self.downloads = Downloads(calls)
        self.jobs = Jobs(calls)
        self.storages = Storages(calls)
        self.tokens = Tokens(calls)
        self.projects = Projects(calls)
        self.access = Access(calls)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
