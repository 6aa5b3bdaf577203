"""Download links, and the transfer from a link to a file, which resumes after a broken connection."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from datacenter.client.addresses import address
from datacenter.client.calls import RETRYABLE, Calls, read_problem
from datacenter.client.errors import TransferFailed
from datacenter.client.objects import Download, Job, LabelFilter
from datacenter.client.reading import read

READ_BYTES = 1 << 20
RANGE_REFUSED = 416
OnBytes = Callable[[int, int | None], None]
"""Called with the bytes done and the bytes in all (None while unknown)."""


class Downloads:
    """The downloads of the token's project."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def of_dataset(
        self,
        dataset_id: str,
        *,
        delivery: str = "archive",
        labels: LabelFilter | None = None,
        archive: str | None = None,
        expires_in: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Job:
        """Start a download of a dataset, or of its files with some labels."""
        body = {"labels": labels.body() if labels else None, "archive": archive, "expires_in": expires_in}
        return self._create(
            address("datasets", dataset_id, "downloads"), delivery, {**body, **(options or {})}
        )

    def of_export(self, export_id: str, *, delivery: str = "archive", expires_in: int | None = None) -> Job:
        """Start a download of an export."""
        return self._create(address("exports", export_id, "downloads"), delivery, {"expires_in": expires_in})

    def get(self, download_id: str) -> Download:
        """The download with a fresh link."""
        return read(Download, self._calls.json("GET", address("downloads", download_id)))

    def of_job(self, job: Job) -> Download:
        """The download that a finished job made, with a fresh link."""
        return self.get((job.result or {})["download"]["id"])

    def fetch(self, url: str, path: Path, *, on_progress: OnBytes | None = None) -> Path:
        """Write the archive of a link to `path`, through `path.part`, from which a later call continues.

        `path` appears only when it is complete. The link is signed, so no token is sent.

        Raises:
            Problem: the server refused the link, or it has expired.
            TransferFailed: no byte arrived in spite of all repeats; `path.part` stays. There are fewer repeats for a
            host that has never answered.
        """
        part, patience = Part(path), self._calls.patience
        failures, max_failures = 0, patience.repeats
        while True:
            before = part.size_bytes()
            fault = self._fetch_once(url, part, on_progress)
            if fault is None:
                return part.publish()
            if fault.host_answered:
                max_failures = patience.repeats_under_way
            failures = 0 if part.size_bytes() > before else failures + 1
            if failures > max_failures:
                raise TransferFailed(
                    f"the download from {httpx.URL(url).netloc.decode()} stopped at {part.size_bytes()} bytes: "
                    f"{fault.reason}"
                )
            patience.pause(failures)

    def _create(self, address: str, delivery: str, body: Mapping[str, Any]) -> Job:
        given = {key: value for key, value in body.items() if value is not None}
        return read(Job, self._calls.json("POST", address, body={"delivery": delivery, **given})["job"])

    def _fetch_once(self, url: str, part: "Part", on_progress: OnBytes | None) -> "DownloadFault | None":
        """One request; the reason if the file is not complete after it."""
        try:
            with self._calls.http.stream(
                "GET", url, headers={"Accept-Encoding": "identity", **part.resume_headers()}
            ) as response:
                if response.status_code == RANGE_REFUSED:
                    return (
                        None
                        if part.is_complete(response)
                        else DownloadFault(reason="the link now gives another archive")
                    )
                if response.status_code in RETRYABLE:
                    return DownloadFault(reason=f"the host answered HTTP {response.status_code}")
                if not response.is_success:
                    response.read()
                    raise read_problem(response)
                complete = part.receive(response, on_progress)
                return None if complete else DownloadFault(reason="the answer ended too early")
        except httpx.TransportError as error:
            answered = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            return DownloadFault(reason=str(error) or type(error).__name__, host_answered=answered)


@dataclass(frozen=True, kw_only=True)
class DownloadFault:
    """Why a request did not complete a file; a host that answered once may answer again."""

    reason: str
    host_answered: bool = True


class Part:
    """The unfinished file beside its target, with the ETag of the complete one."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._etag = target.with_name(f"{target.name}.part.etag")

    def size_bytes(self) -> int:
        """How many bytes have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    def resume_headers(self) -> dict[str, str]:
        """Ask for the rest, but only of the very same bytes; a weak or missing ETag does not guarantee this."""
        etag = self._etag.read_text() if self._etag.exists() else ""
        size = self.size_bytes()
        return {"Range": f"bytes={size}-", "If-Range": etag} if size and etag else {}

    def receive(self, response: httpx.Response, on_progress: OnBytes | None) -> bool:
        """Write an answer's body at its position; whether the file is complete then."""
        start = _start_of(response)
        total = _total_of(response)
        etag = response.headers.get("ETag", "")
        if start == 0:
            self.discard()
            if etag and not etag.startswith("W/"):
                self._etag.write_text(etag)
        with self.path.open("r+b" if start else "wb") as file:
            file.seek(start)
            done = _copy(response, file, start, total, on_progress)
            os.fsync(file.fileno())
        return total is None or done == total

    def is_complete(self, refused: httpx.Response) -> bool:
        """Whether the server refused a range because nothing is missing; if not, start over."""
        complete: bool = refused.headers.get("Content-Range") == f"bytes */{self.size_bytes()}"
        if not complete:
            self.discard()
        return complete

    def publish(self) -> Path:
        """Give the file its final name."""
        self.path.replace(self.target)
        self._etag.unlink(missing_ok=True)
        return self.target

    def discard(self) -> None:
        """Delete what has arrived, to start over."""
        self.path.unlink(missing_ok=True)
        self._etag.unlink(missing_ok=True)


def _copy(
    response: httpx.Response, file: BinaryIO, done: int, total: int | None, on_progress: OnBytes | None
) -> int:
    for data in response.iter_bytes(READ_BYTES):
        file.write(data)
        done += len(data)
        if on_progress:
            on_progress(done, total)
    return done


def _start_of(response: httpx.Response) -> int:
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return 0
    return int(response.headers["Content-Range"].removeprefix("bytes ").split("-", 1)[0])


def _total_of(response: httpx.Response) -> int | None:
    if response.status_code == httpx.codes.PARTIAL_CONTENT:
        total = response.headers["Content-Range"].rsplit("/", 1)[-1]
        return int(total) if total.isdecimal() else None
    length = response.headers.get("Content-Length")
    return int(length) if length else None
