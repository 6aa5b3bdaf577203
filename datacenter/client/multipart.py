"""Upload of a file in parts that go straight to the server's storage."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from datacenter.client.addresses import address
from datacenter.client.calls import UNKNOWN_THERE, Calls
from datacenter.client.errors import Problem
from datacenter.client.local_file import OnBytes, check_size
from datacenter.client.part_sender import PartLink, PartProgress, PartSender
from datacenter.client.reading import read

REACH_SECONDS = 5
LONGEST_PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class Announced:
    """An upload as the server knows it."""

    id: str
    size_bytes: int
    parts: int
    completed: bool


class Multipart:
    """Files that go past the server, which signs a link for each part and joins them at the end."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def begin(self, path: Path, storage: str | None) -> str | None:
        """Announce a file. None: the storage takes no parts from clients, or cannot be reached from here."""
        body = {"filename": path.name, "size_bytes": path.stat().st_size, "storage": storage}
        try:
            upload = read(Announced, self._calls.json("POST", "/uploads/multipart", body=body))
        except Problem as problem:
            if problem.code == "NOT_SUPPORTED" or problem.status in UNKNOWN_THERE:
                return None
            raise
        if self._is_within_reach(upload.id):
            return upload.id
        self.remove(upload.id)
        return None

    def resume(self, upload_id: str, path: Path, *, on_progress: OnBytes | None = None) -> None:
        """Send the parts that the storage does not have, and have all of them joined.

        Raises:
            Problem: the server refuses this upload, or it has expired.
            OtherFile: the upload was begun with a file of another size.
            TransferFailed: the file changed meanwhile, or a part did not get through however often it was tried.
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
        """How many bytes the storage has; not all of them need be those at the beginning."""
        upload = self._show(upload_id)
        return upload.size_bytes if upload.completed else sum(self._sent(upload_id).values())

    def remove(self, upload_id: str) -> None:
        """Give an upload up."""
        self._calls.call("DELETE", _address(upload_id))

    def _show(self, upload_id: str) -> Announced:
        return read(Announced, self._calls.json("GET", _address(upload_id)))

    def _sent(self, upload_id: str) -> dict[int, int]:
        """The sizes of the parts that the storage has, by number."""
        items = self._calls.items(f"{_address(upload_id)}/parts", {"limit": LONGEST_PAGE})
        return {item["number"]: item["size_bytes"] for item in items}

    def _link(self, upload_id: str, number: int) -> PartLink:
        return read(PartLink, self._calls.json("GET", f"{_address(upload_id)}/parts/{number}"))

    def _is_within_reach(self, upload_id: str) -> bool:
        """Whether the storage gives any answer; a proxy that does not reach it answers 5xx in its place."""
        try:
            answer = self._calls.http.head(self._link(upload_id, 1).url, timeout=REACH_SECONDS)
        except httpx.TransportError:
            return False
        return not answer.is_server_error


def _address(upload_id: str) -> str:
    return address("uploads/multipart", upload_id)
