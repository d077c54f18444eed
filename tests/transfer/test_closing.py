"""What becomes of fetches when their downloader is closed."""

import asyncio
import gc
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from asyncdl.errors import TransferError
from asyncdl.events import Event, TransferEnded
from asyncdl.net.retry import Backoff
from asyncdl.transfer import Downloader, Fetched, FileRequest, Limits
from tests.transfer.fault_server import (
    QUICK,
    FaultServer,
    HostedFile,
    Responder,
    after,
    downloading,
    serving,
    status,
)

BODY = bytes(range(256)) * 40
FILE = HostedFile(BODY)
LARGE = HostedFile(BODY * 1000)


async def left_behind(
    directory: Path, *script: Responder, limits: Limits = QUICK, first_bytes: int = 0
) -> list[Event]:
    """Leave a downloader's block while it fetches; nothing may go on behind it."""
    events: list[Event] = []
    async with serving(*script) as server:
        async with downloading(limits, events.append) as downloader:
            fetching = start(downloader, server, directory)
            while not server.requests or first_bytes > size_in(directory):
                await anyio.sleep(0.001)
        assert fetching.done()
        with pytest.raises(TransferError, match="was closed") as ended:
            await fetching
        assert ended.value.reason == "interrupted"
        asked = len(server.requests)
        await anyio.sleep(0.01)
        assert len(server.requests) == asked
        # What is open still would say so now, and warnings are errors.
        del fetching, ended
        gc.collect()
    return events


def start(downloader: Downloader, server: FaultServer, folder: Path) -> asyncio.Task[Fetched]:
    request = FileRequest(f"{server.url}/data/file.bin", folder, "file.bin")
    return asyncio.ensure_future(downloader.fetch(request))


def size_in(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.glob("*.part"))


async def test_what_came_is_kept(tmp_path: Path) -> None:
    slow = after(asyncio.Event(), FILE, first_bytes=5000)
    events = await left_behind(tmp_path, slow, first_bytes=5000)
    ended = [event for event in events if isinstance(event, TransferEnded)]
    assert [(end.reason, end.received_bytes) for end in ended] == [("interrupted", 5000)]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "file.bin.part",
        "file.bin.part.state",
    ]


async def test_several_connections_are_closed(tmp_path: Path) -> None:
    slow = after(asyncio.Event(), LARGE, first_bytes=100_000)
    limits = replace(QUICK, first_look_s=0.001, split_after_s=0.0, split_from_bytes=1)
    await left_behind(tmp_path, slow, limits=limits, first_bytes=200_000)
    assert not (tmp_path / "file.bin").exists()


async def test_waits_are_cut_short(tmp_path: Path) -> None:
    limits = replace(QUICK, backoff=Backoff(first_s=3600, max_s=3600))
    await left_behind(tmp_path, status(503), limits=limits)
    assert not list(tmp_path.iterdir())


async def test_others_fail_after_the_block(tmp_path: Path) -> None:
    async with serving(FILE) as server, downloading(QUICK) as downloader:
        pass
    with pytest.raises(RuntimeError, match="inside its `async with` block only"):
        await start(downloader, server, tmp_path)


async def test_a_cancelled_block_ends_its_fetches_too(tmp_path: Path) -> None:
    slow = after(asyncio.Event(), FILE, first_bytes=5000)
    async with serving(slow) as server:
        with anyio.CancelScope() as scope:
            async with downloading(QUICK) as downloader:
                fetching = start(downloader, server, tmp_path)
                while size_in(tmp_path) < 5000:
                    await anyio.sleep(0.001)
                scope.cancel()
                await anyio.sleep_forever()
        assert fetching.done()
        with pytest.raises(TransferError):
            await fetching
    assert (tmp_path / "file.bin.part.state").exists()
