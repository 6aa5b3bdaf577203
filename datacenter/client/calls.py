"""One HTTP call: the token, repeats while the server is unavailable, and errors that say what to do."""

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
RETRYABLE = {429, 502, 503, 504}
REFUSED_BY_STORAGE = 502
UNKNOWN_TO_SERVER = {404, 405}
"""The status when the server is older than the call and does not have it."""
IN_FLIGHT = "IDEMPOTENCY_IN_FLIGHT"
CHANGES = {"POST", "PATCH", "DELETE"}
"""Each carries an Idempotency-Key: a repeat of a call that arrived gives the same answer and changes nothing."""
TIMEOUT = httpx.Timeout(60, connect=5)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often a call is repeated while the server is unavailable, and how long the pauses are."""

    repeats: int = 4
    repeats_under_way: int = 10
    """For work that has begun and must survive a restart of the server: about a minute with these pauses."""
    pause_seconds: float = 0.2
    longest_seconds: float = 10
    sleep: Callable[[float], None] = time.sleep

    def pause(self, repeat: int, retry_after_seconds: float | None = None) -> None:
        """Wait before repeat number `repeat`: twice as long each time, with jitter, at least what the server asks for."""
        seconds: float = min(self.longest_seconds, self.pause_seconds * 2**repeat) * random.uniform(0.7, 1.3)
        self.sleep(max(seconds, min(retry_after_seconds or 0, self.longest_seconds)))


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
        fail_fast: bool = False,
    ) -> Any:
        """The JSON answer of a call; None when it has no body. `fail_fast` as in `call`.

        Raises:
            Problem: the server refused.
            ServerUnreachable: there was no answer.
        """
        response = self.call(method, path, params=params, body=body, fail_fast=fail_fast)
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError as error:
            raise ClientError(
                f"the answer of {response.url} is not JSON; check that this is the address of a data centre"
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
        fail_fast: bool = False,
    ) -> httpx.Response:
        """The whole answer of a call, which is repeated while the server is unavailable; this is safe for every call.

        With `fail_fast` an unavailable storage is reported without repeats: the server has already tried for a while.
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
                self.patience.pause(repeat)
                continue
            if response.is_success:
                return response
            problem = read_problem(response)
            if last or not _is_retryable(problem, fail_fast=fail_fast):
                raise problem
            self.patience.pause(repeat, _retry_after_seconds(response))
        raise AssertionError("unreachable: the last repeat returns or raises")

    @contextmanager
    def stream(
        self, path: str, *, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """A successful answer; the caller reads its body, once, without repeats."""
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
        self, path: str, params: Mapping[str, Any] | None = None, *, fail_fast: bool = False
    ) -> Iterator[Any]:
        """Every item of a list, page by page; `fail_fast` as in `call`."""
        cursor: str | None = None
        while True:
            page = self.json("GET", path, params={**(params or {}), "cursor": cursor}, fail_fast=fail_fast)
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
    """The problem in an answer whose body was read; the body may hold anything."""
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


def _is_retryable(problem: Problem, *, fail_fast: bool) -> bool:
    """Whether the same call may succeed in a moment; not if a storage refused it for good."""
    if problem.storage and (fail_fast or problem.status == REFUSED_BY_STORAGE):
        return False
    return problem.status in RETRYABLE or problem.code == IN_FLIGHT


def unreachable(http: httpx.Client, error: Exception) -> ServerUnreachable:
    """The error for a server that does not answer."""
    reason = str(error) or type(error).__name__
    return ServerUnreachable(f"no answer from {http.base_url}: {reason}")


def _address(path: str) -> str:
    return path if path.startswith(("http://", "https://")) else f"{PREFIX}{path}"


def _present(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}


def _retry_after_seconds(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None
