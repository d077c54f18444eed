"""Writing at a place of a file. Blocks."""

from __future__ import annotations

import os
from collections.abc import Callable

Data = bytes | memoryview


def write_at(fd: int, data: Data, offset: int) -> int:
    """Write some of ``data`` at ``offset`` and return how many bytes it was.

    Where the system has no call for that (Windows), the descriptor is moved there first: so
    one thread at a time may use a descriptor.

    Raises: OSError.
    """
    call: Callable[[int, Data, int], int] | None = getattr(os, "pwrite", None)
    if call is not None:
        return call(fd, data, offset)
    os.lseek(fd, offset, os.SEEK_SET)
    return os.write(fd, data)
