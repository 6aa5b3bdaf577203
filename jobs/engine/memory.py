"""Memory: what a shard took goes back to the system, so that a process is as large as its largest shard and no larger."""

import ctypes
import gc

import pyarrow as pa

YOUNG_OBJECTS = 20_000
"""New objects between two looks of the garbage collector; 700 without this."""
MAPPED_BYTES = 1 << 20
"""Larger buffers are pages of their own, which go back to the system when they are freed and grow without a copy."""
_M_MMAP_THRESHOLD = -3
_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)
_SET = getattr(ctypes.CDLL(None), "mallopt", None)
"""glibc's alone; others give back by themselves or not at all."""


def prepare_allocator() -> None:
    """Once a process, when all that stays has been loaded."""
    # Arrow's own allocator keeps what is freed for later: two thirds of the peak at a million files.
    pa.set_memory_pool(pa.system_memory_pool())
    if _SET is not None:
        # Fixed: glibc would raise it to the largest buffer freed so far, and keep such buffers in its heap.
        _SET(_M_MMAP_THRESHOLD, MAPPED_BYTES)
    # What a process has loaded by now stays; looking through it again and again took a tenth of an export.
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def trim_memory() -> None:
    """After each shard; some milliseconds."""
    if _TRIM is not None:
        _TRIM(0)
