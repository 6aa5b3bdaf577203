"""The runtime: obstore's threads and their event queue belong to the process that first used it."""

import os

_owner: list[int] = []  # there is one runtime in a process, whoever asks


def usable() -> bool:
    """Whether this process may use obstore: it is the first to do so, and not a fork of the one that was.

    In a fork obstore waits for ever, and what it adds to the inherited event queue crashes the parent.
    """
    if not _owner:
        _owner.append(os.getpid())
    return _owner[0] == os.getpid()
