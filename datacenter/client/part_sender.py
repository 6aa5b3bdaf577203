"""Sending parts of a file: several at once, each read as it goes and repeated until it gets through."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import httpx

from datacenter.client.calls import Calls
from datacenter.client.errors import TransferFailed
from datacenter.client.local_file import OnBytes, fingerprint, read_span

PARTS_AT_ONCE = 4
WORTH_REPEATING = {408, 429}


@dataclass(frozen=True, kw_only=True)
class PartLink:
    """Where to put one part, and which bytes it has."""

    url: str
    offset: int
    size_bytes: int


class PartSender:
    """Sends parts of one file by links, which `link` makes anew for each attempt."""

    def __init__(
        self, calls: Calls, path: Path, link: Callable[[int], PartLink], progress: "PartProgress"
    ) -> None:
        self._http, self._patience = calls.http, calls.patience
        self._path, self._before = path, fingerprint(path)
        self._link = link
        self._progress = progress
        self._stop = threading.Event()

    def send(self, numbers: Iterable[int]) -> None:
        """Send these parts. The first that fails for good ends the others.

        Raises:
            Problem: the server gives no link.
            TransferFailed: a part did not get through, or the file changed.
        """
        with ThreadPoolExecutor(PARTS_AT_ONCE) as threads:
            try:
                for sent in as_completed([threads.submit(self._send_part, number) for number in numbers]):
                    sent.result()
            except BaseException:
                self._stop.set()
                threads.shutdown(wait=False, cancel_futures=True)
                raise

    def _send_part(self, number: int) -> None:
        reason = ""
        for failures in range(self._patience.repeats_under_way + 1):
            if failures:
                self._patience.rest(failures)
            link = self._link(number)
            reason, final = self._put(number, link)
            if fingerprint(self._path) != self._before:
                raise TransferFailed(f"{self._path} changed while it was being uploaded; upload it again")
            if not reason:
                return
            if final or self._stop.is_set():
                break
        raise TransferFailed(f"part {number} of {self._path.name} does not get through: {reason}")

    def _put(self, number: int, link: PartLink) -> tuple[str, bool]:
        """Why the part did not get through, or nothing; and whether it never will."""

        def on_read(reached: int) -> None:
            if self._stop.is_set():
                raise TransferFailed("another part does not get through")
            self._progress.tell(number, reached - link.offset)

        content = read_span(self._path, link.offset, link.offset + link.size_bytes, on_read)
        headers = {"Content-Length": str(link.size_bytes)}  # it is signed: the storage takes no other
        try:
            # The link's own signature is its right: no token is sent.
            answer = self._http.put(link.url, content=content, headers=headers)
        except httpx.TransportError as error:
            return str(error) or type(error).__name__, False
        if answer.is_success:
            return "", True
        final = not answer.is_server_error and answer.status_code not in WORTH_REPEATING
        return f"the storage answered {answer.status_code}", final


class PartProgress:
    """Adds up what was read of all parts; of a part that is sent again only what is new. Safe for threads."""

    def __init__(self, on_progress: OnBytes | None, done: int, total: int) -> None:
        self._on_progress = on_progress
        self._done, self._total = done, total
        self._reached: dict[int, int] = {}
        self._lock = threading.Lock()

    def tell(self, number: int, reached: int) -> None:
        """So many bytes of the part have been read."""
        with self._lock:
            new = max(0, reached - self._reached.get(number, 0))
            self._reached[number] = self._reached.get(number, 0) + new
            self._done += new
            if self._on_progress:
                self._on_progress(self._done, self._total)
