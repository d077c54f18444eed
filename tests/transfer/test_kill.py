"""A download that is killed on a slow line: what was noted in time is not fetched again."""

import signal
import sys
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from asyncdl.transfer import clock
from asyncdl.transfer.parts.part_state import decode_state
from tests.transfer.fault_server import QUICK, End, HostedFile, Received, Reply, cut, rig

BODY = bytes(range(256)) * 40
FILE = HostedFile(BODY)
DRIPPED_BYTES = 9000
PATIENCE_S = 60.0
"""A victim that notes nothing for so long has failed the test."""

VICTIM = """
import asyncio, sys
from asyncdl.transfer import Downloader, FileRequest, Limits

async def main():
    limits = Limits(flush_interval_s=0.0, checkpoint_bytes=10**9, checkpoint_s=0.02)
    async with Downloader(limits) as downloader:
        await downloader.fetch(FileRequest(sys.argv[1], sys.argv[2], "file.bin"))

asyncio.run(main())
"""


def drip(received: Received) -> Reply:
    """Send most of the file drop by drop, and then nothing."""
    return replace(cut(FILE, DRIPPED_BYTES, End.HANG)(received), drip_bytes=64)


async def test_row_142_a_kill_on_a_slow_line_costs_seconds_not_the_file(tmp_path: Path) -> None:
    note = tmp_path / "file.bin.part.state"
    async with rig(tmp_path, drip, FILE) as r:
        command = [sys.executable, "-c", VICTIM, f"{r.server.url}/data/file.bin", str(tmp_path)]
        async with await anyio.open_process(command, stdout=None, stderr=None) as victim:
            with anyio.fail_after(PATIENCE_S):
                while not note.exists() and victim.returncode is None:
                    await anyio.sleep(0.001)
            victim.kill()
            assert await victim.wait() == -signal.SIGKILL
        noted = decode_state(note.read_bytes())
        await r.fetch()
    assert noted is not None
    assert 0 < noted.done.prefix_bytes <= DRIPPED_BYTES
    assert r.ranges == ["bytes=0-", f"bytes={noted.done.prefix_bytes}-"]
    assert (r.content(), r.names) == (BODY, ["file.bin"])


@pytest.mark.parametrize(("checkpoint_s", "least"), [(2.0, 1), (1e9, 0)])
async def test_on_a_slow_line_a_note_is_made_every_few_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoint_s: float, least: int
) -> None:
    """The clock goes on by a second whenever somebody looks at it."""
    now_s, notes = 0.0, []

    def tick() -> float:
        nonlocal now_s
        now_s += 1.0
        return now_s

    monkeypatch.setattr(clock, "now_s", tick)

    def watch(received: Received) -> Reply:
        return replace(FILE(received), drip_bytes=512)

    limits = replace(QUICK, checkpoint_s=checkpoint_s, checkpoint_bytes=10**9, stall_timeout_s=1e9)
    async with rig(tmp_path, watch, limits=limits) as r:
        monkeypatch.setattr(
            "asyncdl.transfer.parts.part_file.save_state",
            lambda path, state: notes.append(state.done),
        )
        await r.fetch()
    sizes = [done.size_bytes for done in notes]
    assert len(sizes) >= least
    assert sizes == sorted(set(sizes))
    assert bool(sizes) is bool(least)
