"""A whole `datacenter up`, from the lock on its home to the last line it prints."""

import os
import signal
from pathlib import Path

from rich.console import Console
from rich.text import Text

from datacenter.cli.embedded import DEFAULT_HOME, readiness, valkey
from datacenter.cli.embedded.centre import Centre
from datacenter.cli.embedded.home import Home, write_private

END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LABEL_CELLS = 10
PRIVATE = 0o077


def run(home: Home, *, port: int | None, verbose: bool) -> None:
    """Run the data centre of this home until a signal ends it; nothing runs afterwards."""
    os.umask(PRIVATE)  # the processes inherit it: only the owner can read logs, database and files
    home.prepare()
    with home.locked(), valkey.socket_path(home) as socket:
        try:
            _run(home, socket, port, verbose)
        finally:
            home.remove_run_files()


def _run(home: Home, socket: Path, port: int | None, verbose: bool) -> None:
    console = Console(highlight=False)
    settings = readiness.settings_of(home, port)
    embedded = settings.broker.url == home.broker_url
    if embedded:
        readiness.point_at_broker(socket)
    url, token = readiness.url_of(settings), readiness.prepare_database(home, settings)
    centre = Centre(
        home,
        socket=socket if embedded else None,
        metrics_port=settings.metrics.port,
        say=lambda line: console.print(Text(line), soft_wrap=True),
        verbose=verbose,
    )
    signals = EndSignals()
    try:
        if centre.start(url, signals.stopping):
            write_private(home.url_file, url + "\n")
            _welcome(console, home, url, token)
            centre.supervise(signals.stopping)
    finally:
        console.print("stopping …", style="dim")
        centre.stop(signals.hurried)
    console.print("stopped; no process is left", style="dim")


class EndSignals:
    """Counts the signals to end: the first one asks for an orderly stop, the second for an immediate one."""

    def __init__(self) -> None:
        self._count = 0
        for number in END_SIGNALS:
            signal.signal(number, self._note)

    def stopping(self) -> bool:
        """Whether it is time to end."""
        return self._count > 0

    def hurried(self) -> bool:
        """Whether the user wants an immediate stop."""
        return self._count > 1

    def _note(self, _number: int, _frame: object) -> None:
        self._count += 1


def _welcome(console: Console, home: Home, url: str, token: str) -> None:
    rows = [("URL", url), ("Token", token), ("REST API", f"{url}/api/v1/docs"), ("Home", str(home.root))]
    console.print()
    for label, value in rows:
        # A token with a line break cannot be copied.
        console.print(Text.assemble((f"{label:<{LABEL_CELLS}}", "bold"), value), soft_wrap=True)
    console.print()
    option = "" if home == Home.at(DEFAULT_HOME) else f" --home {home.root}"
    console.print(Text(f"In another terminal: datacenter{option} datasets list"), style="dim", soft_wrap=True)
    console.print(
        "Ctrl-C stops everything; the next start finds all data again.", style="dim", soft_wrap=True
    )
