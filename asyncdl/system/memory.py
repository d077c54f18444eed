"""What the C library does with memory that is free."""

from __future__ import annotations

import os

_M_ARENA_MAX = -8
_M_MMAP_THRESHOLD = -3
ARENAS = 2
"""Heaps for all threads together."""
LARGE_BYTES = 1024**2
"""From this size on memory is the system's again as soon as it is free."""
_SHARED = ("MALLOC_ARENA_MAX", _M_ARENA_MAX, ARENAS)
_GIVEN_BACK = ("MALLOC_MMAP_THRESHOLD_", _M_MMAP_THRESHOLD, LARGE_BYTES)
"""Each after the environment variable that says the same; what is set there stays."""


def keep_little() -> bool:
    """Have the threads of this process share heaps, so that they keep less free memory.

    For a program, before it starts threads: it holds for the whole process. By default glibc
    gives each thread a heap of its own, up to eight for each processor, and each of them keeps
    what its thread took most at any moment.

    Returns: Whether it was done: not with other C libraries, which have no such heaps.
    """
    return _set(_SHARED, _GIVEN_BACK)


def give_back_large() -> bool:
    """Have large blocks of this process given back to the system as soon as they are free.

    For a process that others use as well: their threads keep heaps of their own. By default
    glibc learns to keep what was taken and freed once, up to 32 MiB for each thread.

    Returns: As :func:`keep_little`.
    """
    return _set(_GIVEN_BACK)


def _set(*settings: tuple[str, int, int]) -> bool:
    if not _is_glibc():
        return False
    import ctypes  # takes some milliseconds, and only this needs it

    mallopt = ctypes.CDLL(None).mallopt
    wanted = [setting for name, *setting in settings if name not in os.environ]
    return all(mallopt(parameter, value) == 1 for parameter, value in wanted)


def _is_glibc() -> bool:
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (AttributeError, ValueError, OSError):
        return False
