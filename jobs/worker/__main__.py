"""The command `datacenter-worker`: handles signals before anything else is loaded, then works until a signal stops it."""

import os

from jobs.worker.stopping import STOP, handle_signals


def main() -> None:
    """Entry point of the command; after any stop signal it exits with 0.

    Loading the rest takes a second, and process 1 of a container ignores every signal without a handler: it would run
    on until it is killed.
    """
    handle_signals(STOP, on_signal=lambda: os._exit(0), overdue=lambda: None)

    from datacenter.startup import run_command
    from jobs.worker.serving import work

    try:
        run_command(work)
    except SystemExit:
        # Celery has exit codes of its own for the ways to stop.
        if STOP.is_raised():
            raise SystemExit(0) from None
        raise


if __name__ == "__main__":
    main()
