"""How many bytes of uploads are in memory at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class UploadMemory:
    """A bound on the bytes of uploads in memory. Blocks."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._used_bytes = 0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, size_bytes: int) -> Iterator[None]:
        """Wait until there is room, and hold it; one that needs all of it may have it alone."""
        size_bytes = min(size_bytes, self._limit_bytes)
        with self._changed:
            self._changed.wait_for(lambda: self._used_bytes + size_bytes <= self._limit_bytes)
            self._used_bytes += size_bytes
        try:
            yield
        finally:
            with self._changed:
                self._used_bytes -= size_bytes
                self._changed.notify_all()
