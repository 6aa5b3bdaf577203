"""Calls about jobs: list, show, cancel, retry, and watch one until it ends."""

import json
import time
from collections.abc import Callable, Iterator

import httpx

from datacenter.client.addresses import address
from datacenter.client.calls import PREFIX, Calls
from datacenter.client.errors import ClientError, Problem, ServerUnreachable
from datacenter.client.objects import Job
from datacenter.client.reading import read

SILENCE_SECONDS = 30
"""The server sends a comment more often than this; a longer silence is a broken connection."""
POLL_SECONDS = 0.5


class Jobs:
    """The jobs of the token's project."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def list(
        self,
        *,
        kind: str | None = None,
        state: str | None = None,
        dataset: str | None = None,
        project: str | None = None,
    ) -> Iterator[Job]:
        """Jobs, newest first: of the token's project, for an operator of all, or of the one that `project` names."""
        wanted = {"kind": kind, "state": state, "dataset": dataset, "project": project}
        for item in self._calls.items("/jobs", wanted):
            yield read(Job, item)

    def get(self, job_id: str) -> Job:
        """The job as it is now."""
        return read(Job, self._calls.json("GET", address("jobs", job_id)))

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop; it ends as REVOKED soon after."""
        return self._changed(job_id, "cancel")

    def retry(self, job_id: str) -> Job:
        """Start a failed or cancelled job again, from its last checkpoint."""
        return self._changed(job_id, "retry")

    def watch(self, job_id: str) -> Iterator[Job]:
        """The job now and after every change until it is finished: server-sent events, or polling if they fail."""
        while True:
            for job in self._events(job_id):
                yield job
                if job.finished:
                    return
            # The stream broke off, or there is none. A plain call is repeated, and raises if the server stays away.
            job = read(Job, self._calls.call("GET", address("jobs", job_id), under_way=True).json())
            yield job
            if job.finished:
                return
            self._calls.patience.sleep(POLL_SECONDS)

    def wait(
        self,
        job: Job | str,
        *,
        on_progress: Callable[[Job], None] | None = None,
        timeout_seconds: float | None = None,
    ) -> Job:
        """The finished job, in any final state.

        Raises:
            TimeoutError: the job is not finished in the time given.
        """
        job_id = job if isinstance(job, str) else job.id
        end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        for seen in self.watch(job_id) if end is None else self._poll(job_id):
            if on_progress:
                on_progress(seen)
            if seen.finished:
                return seen
            if end is not None and time.monotonic() > end:
                raise TimeoutError(f"job {job_id} is still {seen.state} after {timeout_seconds} seconds")
        raise AssertionError("unreachable: watching ends with a finished job")

    def _poll(self, job_id: str) -> Iterator[Job]:
        while True:
            yield self.get(job_id)
            self._calls.patience.sleep(POLL_SECONDS / 5)

    def _changed(self, job_id: str, verb: str) -> Job:
        answer = self._calls.json("POST", address("jobs", job_id, verb))
        return read(Job, answer.get("job", answer))

    def _events(self, job_id: str) -> Iterator[Job]:
        """Jobs from the event stream until it ends, for any reason."""
        headers = {**self._calls.headers("GET"), "Accept": "text/event-stream"}
        try:
            with self._calls.http.stream(
                "GET",
                f"{PREFIX}/jobs/{job_id}/events",
                headers=headers,
                timeout=httpx.Timeout(SILENCE_SECONDS, connect=5),
            ) as response:
                if response.headers.get("Content-Type", "").startswith("text/event-stream"):
                    yield from _jobs_in(response.iter_lines())
        except (httpx.TransportError, ServerUnreachable, Problem):
            return


def _jobs_in(lines: Iterator[str]) -> Iterator[Job]:
    data: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and data:
            try:
                yield read(Job, json.loads("\n".join(data)))
            except ValueError as error:
                raise ClientError("an event of the server is not JSON") from error
            data.clear()
