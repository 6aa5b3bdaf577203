"""The command `datacenter-worker`: hears signals before anything else is loaded, then works until it is told to end."""

import os

from jobs.worker.stopping import STOP, handle_signals


def main() -> None:
    """Entry point of the command; whatever signal ends it, it ends with 0.

    To load the rest takes a second, and process 1 of a container is deaf to a signal that it has no handler for: it
    would run on until it is killed.
    """
    handle_signals(STOP, on_signal=lambda: os._exit(0), overdue=lambda: None)

    from datacenter.startup import run_command
    from jobs.worker.serving import work

    try:
        run_command(work)
    except SystemExit:
        # Celery has codes of its own for the ways to be told to stop.
        if STOP.is_raised():
            raise SystemExit(0) from None
        raise


if __name__ == "__main__":
    main()
