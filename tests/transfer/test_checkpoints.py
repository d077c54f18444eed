"""However many files are there already, the loop's other tasks get their turns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint

from asyncdl.errors import TransferError
from asyncdl.transfer import Downloader, FileRequest, Outcome, serve_queue

FILES = 100


@dataclass
class Ticker:
    """Counts how often another task of the loop has had its turn."""

    count: int = 0

    async def run(self) -> None:
        while True:
            self.count += 1
            await checkpoint()


@asynccontextmanager
async def ticking() -> AsyncIterator[Ticker]:
    ticker = Ticker()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ticker.run)
        yield ticker
        tasks.cancel_scope.cancel()


def requests_for(directory: Path) -> list[FileRequest]:
    """Return requests for files that are there; nobody listens at their URLs."""
    requests = []
    for number in range(FILES):
        (directory / f"{number}.bin").write_bytes(b"x" * 100)
        url = f"http://127.0.0.1:9/{number}.bin"
        requests.append(FileRequest(url, directory, name=f"{number}.bin", size_bytes=100))
    return requests


async def test_others_have_a_turn_with_each_file_that_is_there(tmp_path: Path) -> None:
    turns = []
    async with ticking() as ticker, Downloader() as downloader:
        for request in requests_for(tmp_path):
            before = ticker.count
            assert (await downloader.fetch(request)).already_there
            turns.append(ticker.count - before)
    assert min(turns) >= 1


async def test_others_have_a_turn_with_each_request_that_makes_no_sense(tmp_path: Path) -> None:
    async with ticking() as ticker, Downloader() as downloader:
        for _ in range(FILES):
            with pytest.raises(TransferError, match="bad-url"):
                await downloader.fetch(FileRequest("no URL at all", tmp_path))
        assert ticker.count >= FILES


async def test_a_queue_of_them_leaves_turns_to_others(tmp_path: Path) -> None:
    requests_out, requests_in = anyio.create_memory_object_stream[FileRequest](FILES)
    outcomes_out, outcomes_in = anyio.create_memory_object_stream[Outcome](FILES)
    for request in requests_for(tmp_path):
        requests_out.send_nowait(request)
    requests_out.close()
    async with ticking() as ticker, Downloader() as downloader:
        await serve_queue(downloader, requests_in, outcomes_out, workers=1)
        assert ticker.count >= FILES
    with outcomes_in:
        assert all([outcome.fetched async for outcome in outcomes_in])
