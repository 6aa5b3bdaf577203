"""Runs the rounds of `services.rounds`: tests on real servers.

python -m services.run_matrix                        run all; the exit code is 0 if all rounds passed and no test was left out
python -m services.run_matrix --list                 print the rounds
python -m services.run_matrix --round redis -k ends  run one, or several; other arguments are for pytest
python -m services.run_matrix --serve                start all servers, print their URLs, stop at Ctrl-C
"""

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Self

from services import ran_tests
from services.rabbitmq import RabbitmqServer
from services.rounds import ONLY_REAL, OPTIONAL, ROUNDS, SERVERS, TESTS, Round
from services.server import Server, program_path

NO_TESTS_COLLECTED = 5
PROCESSES = (os.cpu_count() or 1) * 3 // 2
"""Half as many again as there are cores: some always wait for processes that they started."""
IN_PARALLEL = ("-n", str(max(1, PROCESSES)), "--dist", "loadfile", "--no-loadscope-reorder")
"""Each file has a data centre of its own, with a database, queues and directories that no other one uses. Files begin in the
order in which they are named, not those of most tests first: the longest have few."""
PYTEST = (sys.executable, "-m", "pytest", "-q")
REPORT_OPTIONS = ("--durations=10", "-p", "services.ran_tests")


def missing_programs(servers: Mapping[str, type[Server]]) -> list[str]:
    """The programs of these servers that are not installed."""
    missing = []
    for program in (program for server in servers.values() for program in server.programs):
        try:
            program_path(program)
        except FileNotFoundError:
            missing.append(program)
    return missing


class SharedServers:
    """Servers that rounds share: each is started when a round first needs it, and stopped when no later round does."""

    def __init__(self) -> None:
        # A short path, because the name of a unix socket has room for about a hundred characters.
        self._directory = Path(tempfile.mkdtemp(prefix="dc-"))
        self._running: dict[type[Server], Server] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.keep(())
        finally:
            shutil.rmtree(self._directory, ignore_errors=True)

    def urls(self, servers: Mapping[str, type[Server]]) -> dict[str, str]:
        """The URLs of all of the servers, by their variables; those that do not run are started."""
        return {variable: self._started(kind).url for variable, kind in servers.items()}

    def keep(self, kinds: Collection[type[Server]]) -> None:
        """Stop all but these, the last one first."""
        for kind in reversed([kind for kind in self._running if kind not in kinds]):
            self._end(kind)

    def _started(self, kind: type[Server]) -> Server:
        if (known := self._running.get(kind)) and known.is_ready():
            return known
        if known:
            # A test may have killed it, or it died: the next round starts with a running one.
            self._end(kind)
        began = time.monotonic()
        self._running[kind] = kind(Path(tempfile.mkdtemp(dir=self._directory))).__enter__()
        print(f"{kind.name} ready in {time.monotonic() - began:.1f} s", flush=True)
        return self._running[kind]

    def _end(self, kind: type[Server]) -> None:
        server = self._running.pop(kind)
        server.stop()
        shutil.rmtree(server.directory, ignore_errors=True)


@contextmanager
def running(servers: Mapping[str, type[Server]]) -> Iterator[dict[str, str]]:
    """All of the servers, each with its variable and URL; down and their directory gone afterwards."""
    with SharedServers() as shared:
        yield shared.urls(servers)


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a round ended."""

    name: str
    passed: bool
    seconds: float


def run_round(round_: Round, shared: SharedServers, ran: Path, more: Sequence[str] = ()) -> Result:
    """Run it. A server that is not installed skips it on a laptop and fails it in CI.

    The tests that ran are written to `ran`; `more` is for pytest.
    """
    print(f"== {round_.name}: {round_.title}", flush=True)
    began = time.monotonic()
    if missing := missing_programs(round_.servers):
        print(f"{', '.join(missing)} not installed: {'failed' if in_ci() else 'skipped'}", flush=True)
        passed = not in_ci()
    else:
        urls = shared.urls(round_.servers)
        environment = {**_without_servers(), **urls, ran_tests.VARIABLE: str(ran)}
        command = [*REPORT_OPTIONS, *IN_PARALLEL, *round_.arguments, *more]
        code = _run_pytest(command, environment)
        # The tests that a person selects may be in another round.
        passed = code == 0 or (bool(more) and code == NO_TESTS_COLLECTED)
    seconds = time.monotonic() - began
    print(f"== {round_.name}: {'passed' if passed else 'FAILED'} in {seconds:.0f} s", flush=True)
    return Result(name=round_.name, passed=passed, seconds=seconds)


def _without_servers() -> dict[str, str]:
    """The environment without the URLs that `--serve` prints: a round without a server means it."""
    return {name: value for name, value in os.environ.items() if name not in SERVERS}


def _run_pytest(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    process = subprocess.Popen([*PYTEST, *arguments], cwd=TESTS.parent, env=environment)
    try:
        return process.wait()
    except BaseException:
        # An interrupt, unlike a kill, lets fixtures stop what they started.
        process.send_signal(signal.SIGINT)
        process.wait(60)
        raise


def left_out(ran: Path) -> list[str]:
    """The tests marked `real` that are not among those that ran."""
    collected = ran.with_name("collected")
    subprocess.run(
        [*PYTEST, "--collect-only", "-p", "services.ran_tests", *ONLY_REAL, str(TESTS)],
        check=True,
        cwd=TESTS.parent,
        env={**_without_servers(), ran_tests.VARIABLE: str(collected)},
        stdout=subprocess.DEVNULL,
    )
    missing = set(_lines(collected)) - set(_lines(ran))
    return sorted(test for test in missing if not test.startswith(OPTIONAL))


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def in_ci() -> bool:
    """Whether CI runs this, so that a missing server is a failure."""
    return os.environ.get("CI") == "true"


def serve() -> None:
    """Keep every server up for a person who runs tests by hand."""
    with running({**SERVERS, "RABBITMQ_URL": RabbitmqServer}) as urls:
        for variable, url in urls.items():
            print(f"export {variable}={shlex.quote(url)}", flush=True)
        signal.pause()


def run(rounds: Sequence[Round], more: Sequence[str] = ()) -> bool:
    """Run these rounds, also after one that failed; whether all passed and, of a whole run, no test was left out."""
    began = time.monotonic()
    results = []
    with SharedServers() as shared, tempfile.TemporaryDirectory() as folder:
        ran = Path(folder, "ran")
        for number, round_ in enumerate(rounds):
            results.append(run_round(round_, shared, ran, more))
            shared.keep({kind for later in rounds[number + 1 :] for kind in later.servers.values()})
        whole = not more and len(rounds) == len(ROUNDS)
        forgotten = left_out(ran) if whole else []
    for test in forgotten:
        print(f"ran in no round: {test}")
    for result in results:
        print(f"{'passed' if result.passed else 'FAILED'}: {result.name}, {result.seconds:.0f} s")
    passed = sum(result.passed for result in results)
    print(f"real servers: {passed} of {len(results)} rounds passed in {time.monotonic() - began:.0f} s")
    return passed == len(results) and not (forgotten and in_ci())


def _end(number: int, _frame: object) -> NoReturn:
    # As an exception a signal unwinds the stack, and with it the servers stop.
    raise SystemExit(128 + number)


def main() -> int:
    """See the module's own words."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    parser = argparse.ArgumentParser(
        prog="make test-real", description="Tests on real servers, in rounds.", allow_abbrev=False
    )
    names = [round_.name for round_ in ROUNDS]
    parser.add_argument("--list", action="store_true", help="print the rounds")
    parser.add_argument("--round", action="append", choices=names, help="run this one only; may be repeated")
    parser.add_argument("--serve", action="store_true", help="start all servers, print their URLs")
    chosen, more = parser.parse_known_args()
    if chosen.list:
        for round_ in ROUNDS:
            print(f"{round_.name:<10} {round_.title}")
        return 0
    if chosen.serve:
        try:
            serve()
        except KeyboardInterrupt:
            return 0
    rounds = [round_ for round_ in ROUNDS if not chosen.round or round_.name in chosen.round]
    return 0 if run(rounds, more) else 1


if __name__ == "__main__":
    raise SystemExit(main())
