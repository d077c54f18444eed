"""A stand-in for the engine: each request is fulfilled at once, and no byte is sent.

What is left of a job is what its coordinator does: search, options, requests, quota, queue,
journal and report. A file gets its name and its length, and takes no room on the disk (a hole), so
that the next run finds it there.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import anyio.lowlevel

from asyncdl.transfer import Fetched, FileRequest
from asyncdl.transfer.slots import Slot

LENGTH_BYTES = 8192
"""Of a file whose length the service does not state."""


class BytelessFetcher:
    """Fulfils every request of a job, as a :class:`~asyncdl.transfer.FileFetcher`."""

    async def fetch(self, request: FileRequest, slot: Slot | None = None) -> Fetched:
        """Make a file of the right name and length, of which nothing is on the disk."""
        assert request.name is not None
        path = request.directory / request.name
        size_bytes = LENGTH_BYTES if request.size_bytes is None else request.size_bytes
        make_hole(path, size_bytes)
        await anyio.lowlevel.checkpoint()
        return Fetched(
            path,
            size_bytes,
            received_bytes=0,
            already_there=False,
            proof="+".join(("length", *(digest.algorithm for digest in request.digests))),
            attempts=1,
            elapsed_s=0.0,
            digests=request.digests,
        )

    def is_troubled(self, url: str) -> bool:
        """Return that no host is ever down."""
        return False


def make_hole(path: Path, size_bytes: int) -> None:
    """Make a file without content, and its folder if that is missing. Blocks."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
    except FileNotFoundError:
        path.parent.mkdir(parents=True)
        file = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.ftruncate(file, size_bytes)
    os.close(file)


@contextmanager
def without_bytes() -> Iterator[None]:
    """Let jobs of this process fetch nothing."""

    @asynccontextmanager
    async def open_fetcher(*_: Any, **__: Any) -> AsyncIterator[BytelessFetcher]:
        yield BytelessFetcher()

    with patch("asyncdl.job.job.open_fetcher_of", open_fetcher):
        yield
