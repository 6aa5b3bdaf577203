"""One HTTP call: the token, patience with a server that is away, and errors that say what to do."""

import json
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from datacenter.client.errors import ClientError, Problem, ServerUnreachable

PREFIX = "/api/v1"
COME_AGAIN = {429, 502, 503, 504}
REFUSED_BY_STORAGE = 502
UNKNOWN_THERE = {404, 405}
"""What a server answers that is older than a call."""
IN_FLIGHT = "IDEMPOTENCY_IN_FLIGHT"
CHANGES = {"POST", "PATCH", "DELETE"}
"""Each carries an Idempotency-Key: if it got through, repeating it gives the same answer and changes nothing."""
TIMEOUT = httpx.Timeout(60, connect=5)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often a call is repeated while the server is away, and how long the pauses are."""

    repeats: int = 4
    repeats_under_way: int = 10
    """For work that has begun and outlasts a restart of the server: with these pauses about a minute."""
    pause_seconds: float = 0.2
    longest_seconds: float = 10
    sleep: Callable[[float], None] = time.sleep

    def rest(self, repeat: int, asked_seconds: float | None = None) -> None:
        """Wait before repeat number `repeat`: twice as long each time, with jitter, at least what the server asked."""
        pause: float = min(self.longest_seconds, self.pause_seconds * 2**repeat) * random.uniform(0.7, 1.3)
        self.sleep(max(pause, min(asked_seconds or 0, self.longest_seconds)))


class Calls:
    """Calls of the API at one address with one token."""

    def __init__(self, http: httpx.Client, *, token: str, patience: Patience) -> None:
        self.http = http
        self.patience = patience
        self._token = token

    def json(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        at_once: bool = False,
    ) -> Any:
        """The JSON answer of a call; None when it has no body. `at_once` as in `call`.

        Raises:
            Problem: the server refused.
            ServerUnreachable: no answer came.
        """
        response = self.call(method, path, params=params, body=body, at_once=at_once)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise ClientError(
                f"{response.url} did not answer with JSON; is this address a data centre?"
            ) from error

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        under_way: bool = False,
        at_once: bool = False,
    ) -> httpx.Response:
        """The whole answer of a call that is repeated while the server is away; every one can be, safely.

        With `at_once` a storage that is away is told at once: the server has tried for a while already.
        """
        repeats = self.patience.repeats_under_way if under_way else self.patience.repeats
        request = self.http.build_request(
            method,
            _address(path),
            params=_present(params),
            json=body,
            headers={**self.headers(method), **(headers or {})},
        )
        for repeat in range(repeats + 1):
            last = repeat == repeats
            try:
                response = self.http.send(request)
            except httpx.TransportError as error:
                if last:
                    raise unreachable(self.http, error) from error
                self.patience.rest(repeat)
                continue
            if response.is_success:
                return response
            problem = read_problem(response)
            if last or not _may_pass(problem, at_once=at_once):
                raise problem
            self.patience.rest(repeat, _asked_seconds(response))
        raise AssertionError("unreachable: the last repeat returns or raises")

    @contextmanager
    def stream(
        self, path: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """A successful answer whose body is read by the caller, once, without repeats."""
        sent = {**self.headers("GET"), **(headers or {})}
        try:
            with self.http.stream("GET", _address(path), params=_present(params), headers=sent) as response:
                if not response.is_success:
                    response.read()
                    raise read_problem(response)
                yield response
        except httpx.TransportError as error:
            raise unreachable(self.http, error) from error

    def items(
        self, path: str, params: Mapping[str, Any] | None = None, *, at_once: bool = False
    ) -> Iterator[Any]:
        """Every item of a list, page by page; `at_once` as in `call`."""
        cursor: str | None = None
        while True:
            page = self.json("GET", path, params={**(params or {}), "cursor": cursor}, at_once=at_once)
            yield from page["items"]
            cursor = page.get("next")
            if not cursor:
                return

    def headers(self, method: str) -> dict[str, str]:
        """The headers every call carries."""
        sent = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if method in CHANGES:
            sent["Idempotency-Key"] = str(uuid.uuid4())
        return sent


def read_problem(response: httpx.Response) -> Problem:
    """The problem in an answer whose body was read, whatever stands in that body."""
    try:
        data = response.json()
    except (ValueError, json.JSONDecodeError):
        data = {}
    data = data if isinstance(data, dict) else {}
    errors = [error for error in data.get("errors") or () if isinstance(error, dict)]
    return Problem(
        status=response.status_code,
        code=str(data.get("code") or f"HTTP_{response.status_code}"),
        title=str(data.get("title") or response.reason_phrase),
        detail=str(data.get("detail") or ""),
        fields=tuple((str(error.get("field", "")), str(error.get("reason", ""))) for error in errors),
        storage=str(data.get("storage") or ""),
    )


def _may_pass(problem: Problem, *, at_once: bool) -> bool:
    """Whether the same call may succeed in a moment; what a storage refuses for good it refuses again."""
    if problem.storage and (at_once or problem.status == REFUSED_BY_STORAGE):
        return False
    return problem.status in COME_AGAIN or problem.code == IN_FLIGHT


def unreachable(http: httpx.Client, error: Exception) -> ServerUnreachable:
    """The error for a server that gave no answer."""
    reason = str(error) or type(error).__name__
    return ServerUnreachable(f"no answer from {http.base_url}: {reason}")


def _address(path: str) -> str:
    return path if path.startswith(("http://", "https://")) else f"{PREFIX}{path}"


def _present(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}


def _asked_seconds(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None
