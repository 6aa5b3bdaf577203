"""Upload of a file in parts that go straight to the server's storage."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from datacenter.client.addresses import address
from datacenter.client.calls import UNKNOWN_TO_SERVER, Calls
from datacenter.client.errors import Problem, TransferFailed
from datacenter.client.local_file import OnBytes, check_size, fingerprint, read_span
from datacenter.client.reading import read

PARTS_AT_ONCE = 4
RETRYABLE = {408, 429}


@dataclass(frozen=True, kw_only=True)
class PartLink:
    """The link to send one part to, and which bytes it has."""

    url: str
    offset: int
    size_bytes: int


class PartSender:
    """Sends parts of one file by links; `link` makes a new one for each attempt."""

    def __init__(
        self, calls: Calls, path: Path, link: Callable[[int], PartLink], progress: "PartProgress"
    ) -> None:
        self._http, self._patience = calls.http, calls.patience
        self._path, self._before = path, fingerprint(path)
        self._link = link
        self._progress = progress
        self._stop = threading.Event()

    def send(self, numbers: Iterable[int]) -> None:
        """Send these parts. The first permanent failure stops the others.

        Raises:
            Problem: the server refused a link.
            TransferFailed: a part could not be sent, or the file changed.
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
                self._patience.pause(failures)
            link = self._link(number)
            reason, final = self._put(number, link)
            if fingerprint(self._path) != self._before:
                raise TransferFailed(f"{self._path} changed while it was being uploaded; upload it again")
            if not reason:
                return
            if final or self._stop.is_set():
                break
        raise TransferFailed(f"part {number} of {self._path.name} could not be sent: {reason}")

    def _put(self, number: int, link: PartLink) -> tuple[str, bool]:
        """Why the part was not sent (empty if it was), and whether that is final."""

        def on_read(reached: int) -> None:
            if self._stop.is_set():
                raise TransferFailed("another part could not be sent")
            self._progress.report(number, reached - link.offset)

        content = read_span(self._path, link.offset, link.offset + link.size_bytes, on_read)
        headers = {"Content-Length": str(link.size_bytes)}  # signed: the storage rejects any other
        try:
            # The link is signed, so no token is sent.
            answer = self._http.put(link.url, content=content, headers=headers)
        except httpx.TransportError as error:
            return str(error) or type(error).__name__, False
        if answer.is_success:
            return "", True
        final = not answer.is_server_error and answer.status_code not in RETRYABLE
        return f"the storage answered HTTP {answer.status_code}", final


class PartProgress:
    """Adds up the bytes read of all parts, each once even if a part is sent again. Safe for threads."""

    def __init__(self, on_progress: OnBytes | None, done: int, total: int) -> None:
        self._on_progress = on_progress
        self._done, self._total = done, total
        self._reached: dict[int, int] = {}
        self._lock = threading.Lock()

    def report(self, number: int, reached: int) -> None:
        """Record how many bytes of the part have been read."""
        with self._lock:
            new = max(0, reached - self._reached.get(number, 0))
            self._reached[number] = self._reached.get(number, 0) + new
            self._done += new
            if self._on_progress:
                self._on_progress(self._done, self._total)


REACH_SECONDS = 5
MAX_PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class MultipartUpload:
    """An upload in parts as the server describes it."""

    id: str
    size_bytes: int
    parts: int
    completed: bool


class Multipart:
    """Files sent straight to a storage; the server signs a link for each part and joins them at the end."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def begin(self, path: Path, storage: str | None) -> str | None:
        """Announce a file. None: the storage takes no parts from clients, or is not reachable from here."""
        body = {"filename": path.name, "size_bytes": path.stat().st_size, "storage": storage}
        try:
            upload = read(MultipartUpload, self._calls.json("POST", "/uploads/multipart", body=body))
        except Problem as problem:
            if problem.code == "NOT_SUPPORTED" or problem.status in UNKNOWN_TO_SERVER:
                return None
            raise
        if self._is_reachable(upload.id):
            return upload.id
        self.remove(upload.id)
        return None

    def resume(self, upload_id: str, path: Path, *, on_progress: OnBytes | None = None) -> None:
        """Send the parts that the storage does not have; then the server joins all of them.

        Raises:
            Problem: the server refused this upload, or it has expired.
            OtherFile: the upload was begun with a file of another size.
            TransferFailed: the file changed meanwhile, or a part could not be sent in spite of all repeats.
        """
        upload = self._show(upload_id)
        check_size(upload_id, path, upload.size_bytes)
        if not upload.completed:
            sent = self._sent(upload_id)
            progress = PartProgress(on_progress, sum(sent.values()), upload.size_bytes)
            sender = PartSender(self._calls, path, partial(self._link, upload_id), progress)
            sender.send(number for number in range(1, upload.parts + 1) if number not in sent)
            self._calls.json("POST", f"{_address(upload_id)}/complete")
        if on_progress:
            on_progress(upload.size_bytes, upload.size_bytes)

    def offset(self, upload_id: str) -> int:
        """How many bytes the storage has; they need not be the first ones."""
        upload = self._show(upload_id)
        return upload.size_bytes if upload.completed else sum(self._sent(upload_id).values())

    def remove(self, upload_id: str) -> None:
        """Cancel an upload."""
        self._calls.call("DELETE", _address(upload_id))

    def _show(self, upload_id: str) -> MultipartUpload:
        return read(MultipartUpload, self._calls.json("GET", _address(upload_id)))

    def _sent(self, upload_id: str) -> dict[int, int]:
        """The sizes of the parts that the storage has, by number."""
        items = self._calls.items(f"{_address(upload_id)}/parts", {"limit": MAX_PAGE})
        return {item["number"]: item["size_bytes"] for item in items}

    def _link(self, upload_id: str, number: int) -> PartLink:
        return read(PartLink, self._calls.json("GET", f"{_address(upload_id)}/parts/{number}"))

    def _is_reachable(self, upload_id: str) -> bool:
        """Whether the storage answers; a 5xx counts as no answer, a proxy sends it when it cannot reach the storage."""
        try:
            answer = self._calls.http.head(self._link(upload_id, 1).url, timeout=REACH_SECONDS)
        except httpx.TransportError:
            return False
        return not answer.is_server_error


def _address(upload_id: str) -> str:
    return address("uploads/multipart", upload_id)
