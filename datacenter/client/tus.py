"""Resumable upload of a file by the tus 1.0 protocol (https://tus.io/protocols/resumable-upload)."""

import base64
from pathlib import Path

import httpx

from datacenter.client.addresses import address
from datacenter.client.calls import RETRYABLE, Calls, read_problem
from datacenter.client.errors import TransferFailed
from datacenter.client.local_file import OnBytes, check_size, fingerprint, read_span

VERSION = {"Tus-Resumable": "1.0.0"}
REQUEST_BYTES = 64 << 20
"""The most that one request carries: proxies limit a body's size and time."""
OFFSET_CONFLICT = 409
LOCKED = 423


class Tus:
    """Files sent to the server, one piece after the other."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def begin(self, path: Path, storage: str | None) -> str:
        """Announce a file; nothing of it is sent yet."""
        metadata = {"filename": path.name} | ({"storage": storage} if storage else {})
        pairs = (f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
        headers = {
            **VERSION,
            "Upload-Length": str(path.stat().st_size),
            "Upload-Metadata": ",".join(pairs),
        }
        response = self._calls.call("POST", "/uploads", headers=headers)
        return response.headers["Location"].rstrip("/").rsplit("/", 1)[-1]

    def resume(self, upload_id: str, path: Path, *, on_progress: OnBytes | None = None) -> None:
        """Send what the server does not have yet; after a broken connection continue from the server's offset.

        Raises:
            Problem: the server refused this upload, or it has expired.
            OtherFile: the upload was begun with a file of another size.
            TransferFailed: the file changed meanwhile, or no byte arrived in spite of all repeats.
        """
        before = fingerprint(path)
        failures = 0
        state = self._head(upload_id)
        check_size(upload_id, path, int(state["Upload-Length"]))
        offset = int(state["Upload-Offset"])
        while offset < before[0]:
            arrived = self._send_from(upload_id, path, offset, before[0], on_progress)
            if fingerprint(path) != before:
                raise TransferFailed(f"{path} changed while it was being uploaded; upload it again")
            failures = 0 if arrived > offset else failures + 1
            if failures > self._calls.patience.repeats_under_way:
                raise TransferFailed(
                    f"the upload of {path.name} stopped at {arrived} of {before[0]} bytes; its id is {upload_id}"
                )
            if failures:
                self._calls.patience.pause(failures)
            offset = arrived
        if on_progress:
            on_progress(before[0], before[0])

    def offset(self, upload_id: str) -> int:
        """How many bytes the server has."""
        return int(self._head(upload_id)["Upload-Offset"])

    def remove(self, upload_id: str) -> None:
        """Cancel an upload."""
        self._calls.call("DELETE", address("uploads", upload_id), headers=VERSION)

    def _head(self, upload_id: str) -> httpx.Headers:
        return self._calls.call("HEAD", address("uploads", upload_id), headers=VERSION).headers

    def _send_from(
        self, upload_id: str, path: Path, offset: int, size: int, on_progress: OnBytes | None
    ) -> int:
        """Send one request; the server's offset afterwards, whether it succeeded or not."""
        stop = min(size, offset + REQUEST_BYTES)
        headers = {
            **self._calls.headers("HEAD"),
            **VERSION,
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(stop - offset),
        }
        on_bytes = (lambda done: on_progress(done, size)) if on_progress else None
        try:
            content = read_span(path, offset, stop, on_bytes)
            response = self._calls.http.request(
                "PATCH", f"/api/v1/uploads/{upload_id}", headers=headers, content=content
            )
        except httpx.TransportError:
            return self.offset(upload_id)
        if response.is_success:
            return int(response.headers["Upload-Offset"])
        if response.status_code in {OFFSET_CONFLICT, LOCKED, *RETRYABLE}:
            return self.offset(upload_id)
        raise read_problem(response)
