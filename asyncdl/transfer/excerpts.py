"""Files that are made of some ranges of another file, without knowing what these ranges are.

An :class:`Excerpt` says which bytes of a file it wants. When they are on disk it looks at them and
says whether it wants more: the head of a raster, for instance, and then the tiles that the head
names. At its end it yields the bytes of the file that is made of them.

Nothing here knows a format. What was received lies at its own offsets in a ``.part`` file beside
the one that is made, so that validators, retries, fresh URLs, limits and resuming are those of
whole files, and a host that ignores ranges fills it in one go.

An excerpt may be begun several times for one file: with each restart, and when the file has
changed at its host. It keeps nothing that is not in the bytes it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeAlias

from asyncdl.transfer.ranges import Coverage, Span

ReadBytes: TypeAlias = Callable[[int, int], bytes]
"""Returns the bytes ``[start, stop)`` of the source; fewer where it ends. Blocks."""


class Excerpt(Protocol):
    """Which bytes of a file are fetched, and what is made of them.

    :meth:`advance` and :meth:`assemble` block and may raise :class:`~asyncdl.TransferError`: with
    the reason ``broken-file`` for bytes that are worth another try.
    """

    def missing(self, done: Coverage, total: int | None) -> list[Span]:
        """As :meth:`asyncdl.transfer.ranges.WantedBytes.missing`."""

    def advance(self, read: ReadBytes, total: int) -> bool:
        """Look at the bytes, once none is missing; return whether more are wanted now.

        Args:
            read: Of what was wanted so far.
            total: Length of the source.
        """

    def assemble(self, read: ReadBytes) -> Iterator[bytes]:
        """Yield the file, from its first byte to its last."""

    @property
    def proof(self) -> str:
        """What the assembled bytes were checked by, such as ``tiles-checksum``."""

    def record(self, validator: str, received_bytes: int) -> str:
        """Return what a caller may keep of how the file was made, as any text.

        Args:
            validator: The host's, of the source; empty without one.
            received_bytes: Over the network.
        """


BeginExcerpt: TypeAlias = Callable[[str], Excerpt]
"""Begins an excerpt; takes the URL of the source, for its errors."""


@contextmanager
def reading(path: Path) -> Iterator[ReadBytes]:
    """Open a file for an excerpt. Blocks. Raises: OSError."""
    with path.open("rb", buffering=0) as file:

        def read(start: int, stop: int) -> bytes:
            file.seek(start)
            parts = []
            while start < stop and (part := file.read(stop - start)):
                parts.append(part)
                start += len(part)
            return b"".join(parts)

        yield read
