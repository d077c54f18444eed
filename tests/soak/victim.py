"""A process that fetches one file and may be killed at any moment: ``victim URL DIRECTORY``."""

from __future__ import annotations

import sys
from pathlib import Path

from asyncdl.net.retry import Backoff
from asyncdl.transfer import Downloader, FileRequest, Limits
from tests.loops import run

LIMITS = Limits(
    connections_per_file=4,
    split_from_bytes=1,
    first_look_s=0.0,
    split_after_s=0.0,
    smallest_piece_bytes=64 * 1024,
    backoff=Backoff(first_s=0.01, max_s=0.1, attempts=8),
    stall_timeout_s=2.0,
    flush_bytes=64 * 1024,
    flush_interval_s=0.02,
    checkpoint_bytes=256 * 1024,
    preallocate_from_bytes=1 << 20,
)


async def fetch(url: str, directory: Path) -> None:
    async with Downloader(LIMITS) as downloader:
        # Without ``resume`` it would begin each life with an empty file.
        request = FileRequest(url, directory, "file.bin", overwrite=True, resume=True)
        await downloader.fetch(request)


if __name__ == "__main__":
    run(fetch(sys.argv[1], Path(sys.argv[2])))
