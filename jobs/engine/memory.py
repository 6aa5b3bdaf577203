"""Memory: return a shard's memory to the system, so that a process is no larger than its largest shard needs."""

import ctypes
import gc

import pyarrow as pa

YOUNG_OBJECTS = 20_000
"""New objects between two runs of the garbage collector; the default is 700."""
MAPPED_BYTES = 1 << 20
"""Larger buffers get pages of their own, which return to the system when they are freed and grow without a copy."""
_M_MMAP_THRESHOLD = -3
_TRIM = getattr(ctypes.CDLL(None), "malloc_trim", None)
_SET = getattr(ctypes.CDLL(None), "mallopt", None)
"""Only glibc has these; other C libraries return memory on their own or not at all."""


def prepare_allocator() -> None:
    """Call once per process, after everything permanent has been loaded."""
    # Arrow's own allocator keeps freed memory for later: two thirds of the peak at a million files.
    pa.set_memory_pool(pa.system_memory_pool())
    if _SET is not None:
        # Fixed: glibc would raise it to the largest buffer freed so far, and keep such buffers in its heap.
        _SET(_M_MMAP_THRESHOLD, MAPPED_BYTES)
    # What a process has loaded by now stays; collecting through it again and again took a tenth of an export.
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def trim_memory() -> None:
    """Call after each shard; takes some milliseconds."""
    if _TRIM is not None:
        _TRIM(0)
