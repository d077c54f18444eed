"""The direct way of reading: what it does with the connection, and when it is not taken."""

from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from asyncdl.errors import NetworkError
from tests.transfer.fault_server import QUICK, End, HostedFile, Responder, chunked, cut, fixed, rig

BODY = bytes(range(256)) * 4000
FILE = HostedFile(BODY)


@pytest.fixture
def directly(way_of_reading: list[bool] | None) -> list[bool]:
    """For each body that was read, whether it was read directly."""
    if way_of_reading is None:
        pytest.skip("about the direct way only")
    return way_of_reading


async def test_the_connection_serves_the_next_file(tmp_path: Path, directly: list[bool]) -> None:
    async with rig(tmp_path, FILE) as r:
        for name in ("one.bin", "two.bin", "three.bin"):
            await r.fetch(name)
    assert directly == [True, True, True]
    assert r.server.connections == 1
    assert r.content("one.bin") == r.content("three.bin") == BODY


async def test_a_host_that_sends_too_much_loses_its_connection(
    tmp_path: Path, directly: list[bool]
) -> None:
    async with rig(tmp_path, fixed("200 OK", BODY + b"surplus", length=len(BODY)), FILE) as r:
        await r.fetch("one.bin")
        await r.fetch("two.bin")
    assert directly[0]
    assert r.server.connections == 2
    assert r.content("one.bin") == r.content("two.bin") == BODY


async def test_a_host_that_closes_behind_the_body_is_asked_anew(
    tmp_path: Path, directly: list[bool]
) -> None:
    async with rig(tmp_path, cut(FILE, len(BODY)), FILE) as r:
        await r.fetch("one.bin")
        await r.fetch("two.bin")
    assert directly == [True, True]
    assert r.content("one.bin") == r.content("two.bin") == BODY


async def test_what_came_before_a_break_is_kept(tmp_path: Path, directly: list[bool]) -> None:
    once = replace(QUICK, backoff=replace(QUICK.backoff, attempts=1))
    async with rig(tmp_path, cut(FILE, 700_000), limits=once) as r:
        with pytest.raises(NetworkError, match="cut short"):
            await r.fetch()
    assert directly == [True]
    assert r.content("file.bin.part") == BODY[:700_000]


async def test_what_came_before_a_cancellation_is_kept(
    tmp_path: Path, directly: list[bool]
) -> None:
    patient = replace(QUICK, flush_interval_s=60.0)
    async with (
        rig(tmp_path, cut(FILE, 700_000, End.HANG), limits=patient) as r,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(r.fetch)
        while not directly:
            await anyio.sleep(0.001)
        await anyio.sleep(0.05)  # for the bytes on their way
        tasks.cancel_scope.cancel()
    assert r.content("file.bin.part") == BODY[:700_000]


@pytest.mark.parametrize(
    "responder",
    [
        chunked(BODY),
        fixed("200 OK", BODY, length=None, end=End.CLOSE),
    ],
    ids=["chunked", "ended by close"],
)
async def test_other_bodies_are_left_to_aiohttp(
    tmp_path: Path, directly: list[bool], responder: Responder
) -> None:
    async with rig(tmp_path, responder) as r:
        await r.fetch()
    assert directly == [False]
    assert r.content() == BODY
