"""FAULTS C8 and others: several connections for one file."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from asyncdl.errors import HttpStatusError
from asyncdl.events import ConnectionsInUse, HostStrain, HostWait
from asyncdl.transfer import Digest, Limits
from asyncdl.transfer.parts.part_file import PartFile
from tests.transfer.fault_server import (
    QUICK,
    End,
    HostedFile,
    Received,
    Reply,
    Responder,
    Rig,
    after,
    cut,
    redirect,
    rig,
    serving,
    status,
)

BODY = bytes(range(256)) * 400
FILE = HostedFile(BODY)
NEW = HostedFile(BODY[::-1], etag='"v2"')
SPLIT = replace(
    QUICK,
    split_from_bytes=1,
    first_look_s=0.0,
    split_after_s=0.0,
    smallest_piece_bytes=8_000,
    connections_per_file=2,
)


def held(gate: asyncio.Event, file: Responder = FILE) -> Responder:
    """The first bytes at once, and the rest only after ``gate``."""
    return after(gate, file, first_bytes=1000)


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(60):
        while not condition():
            await anyio.sleep(0.001)


async def fetch_and_release(r: Rig, gate: asyncio.Event, requests: int) -> None:
    """Fetch, and let the first connection go on after so many requests were answered."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(r.fetch)
        await until(lambda: len(r.server.requests) >= requests and r.server.active <= 1)
        gate.set()


async def test_a_large_file_comes_over_several_connections(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with rig(tmp_path, held(gate), FILE, limits=SPLIT) as r:
        await fetch_and_release(r, gate, 2)
    assert r.content() == BODY
    assert r.ranges[:2] == ["bytes=0-", f"bytes={(len(BODY) + 1000) // 2}-{len(BODY) - 1}"]
    assert r.names == ["file.bin"]
    told = [event.count for event in r.told(ConnectionsInUse)]
    assert max(told) == 2 and told[-1] == 0, "watchers know how many are in use"


async def test_row_126_an_idle_connection_splits_the_rest_of_a_slow_one(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with rig(tmp_path, held(gate), FILE, limits=SPLIT) as r:
        await fetch_and_release(r, gate, 4)
    assert r.content() == BODY
    starts = [int((wanted or "")[6:].partition("-")[0]) for wanted in r.ranges[1:]]
    assert starts == sorted(starts, reverse=True)


@pytest.mark.parametrize(
    "file",
    [
        replace(FILE, etag=None),
        replace(FILE, etag='W/"v1"'),
        replace(FILE, takes_ranges=False),
        replace(FILE, body=BODY[:8_000]),
    ],
)
async def test_row_130_what_must_not_or_need_not_be_split_is_not(
    tmp_path: Path, file: HostedFile
) -> None:
    gate = asyncio.Event()
    async with (
        rig(tmp_path, held(gate, file), file, limits=SPLIT) as r,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(r.fetch)
        await until(lambda: (tmp_path / "file.bin.part").stat().st_size > 0 if r.names else False)
        await anyio.wait_all_tasks_blocked()
        gate.set()
    assert r.content() == file.body
    assert len(r.server.requests) == 1


REFUSALS = {"403": status(403), "429": status(429), "503": status(503, Retry_After=0)}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_rows_093_128_a_host_that_takes_one_connection_gets_one(
    tmp_path: Path, refusal: Responder
) -> None:
    gate = asyncio.Event()
    async with rig(tmp_path, held(gate), refusal, FILE, limits=SPLIT) as r:
        await fetch_and_release(r, gate, 2)
        assert r.content() == BODY
        await r.fetch("second.bin")
        engine = r.downloader._engine
        assert engine is not None
        assert engine.host_limiter.connections(r.server.url) == SPLIT.per_host // 2
    assert r.content("second.bin") == BODY


async def test_one_503_beside_good_bytes_is_chance_and_costs_no_connection(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with rig(tmp_path, held(gate), status(503), FILE, limits=SPLIT) as r:
        await fetch_and_release(r, gate, 2)
        engine = r.downloader._engine
        assert engine is not None
        assert engine.host_limiter.connections(r.server.url) == SPLIT.per_host
    assert r.content() == BODY
    assert r.told(HostStrain) == []


async def test_row_033_a_host_that_ignores_ranges_costs_one_request(tmp_path: Path) -> None:
    gate = asyncio.Event()
    liar = HostedFile(BODY, takes_ranges=False, headers={"Accept-Ranges": "bytes"})
    async with rig(tmp_path, held(gate, liar), liar, limits=SPLIT) as r:
        await fetch_and_release(r, gate, 2)
    assert r.content() == BODY
    assert len(r.server.requests) == 2


async def test_row_035_ranges_that_fail_far_behind_are_done_without(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with rig(tmp_path, held(gate), status(416), FILE, limits=SPLIT) as r:
        await fetch_and_release(r, gate, 2)
    assert r.content() == BODY
    assert len(r.server.requests) == 2


async def test_row_039_a_file_that_changes_between_pieces_is_fetched_anew_by_one(
    tmp_path: Path,
) -> None:
    gate = asyncio.Event()
    async with rig(tmp_path, held(gate), NEW, limits=SPLIT) as r:
        await r.fetch()
    assert r.content() == NEW.body
    assert r.ranges[2:] == ["bytes=0-"]


async def test_row_048_a_412_means_that_the_file_has_changed(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with rig(tmp_path, held(gate), status(412), NEW, limits=SPLIT) as r:
        await r.fetch()
    assert r.content() == NEW.body


async def test_row_048_a_412_to_a_resume_starts_over(tmp_path: Path) -> None:
    async with rig(tmp_path, cut(FILE, 777), status(412), NEW) as r:
        await r.fetch()
    assert r.content() == NEW.body
    assert r.ranges == ["bytes=0-", "bytes=777-", "bytes=0-"]


async def test_row_123_all_pieces_come_from_where_the_first_one_came(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with (
        serving(held(gate), FILE) as target,
        rig(tmp_path, redirect(f"{target.url}/node-7"), limits=SPLIT) as r,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(lambda: r.fetch(headers={"Authorization": "Bearer x"}))
        await until(lambda: len(target.requests) >= 2)
        gate.set()
    assert r.content() == BODY
    assert len(r.server.requests) == 1
    assert {request.target for request in target.requests} == {"/node-7"}
    assert not any("authorization" in request.headers for request in target.requests)


async def test_row_123_a_target_that_fails_is_looked_up_again(tmp_path: Path) -> None:
    async with serving(cut(FILE, 5000)) as first, serving(FILE) as second:
        script = redirect(first.url), redirect(second.url)
        async with rig(tmp_path, *script, limits=SPLIT) as r:
            await r.fetch()
    assert r.content() == BODY


@pytest.mark.parametrize("end", [End.CLOSE, End.RESET])
async def test_row_125_what_a_failed_connection_leaves_is_fetched_by_the_others(
    tmp_path: Path, end: End
) -> None:
    gate = asyncio.Event()
    async with rig(tmp_path, held(gate), cut(FILE, 3000, end), FILE, limits=SPLIT) as r:
        await fetch_and_release(r, gate, 3)
    assert r.content() == BODY


async def test_row_125_the_first_connection_may_fail_as_well(tmp_path: Path) -> None:
    gate = asyncio.Event()
    first, second = cut(FILE, 1000, End.HANG), held(gate)
    limits = replace(SPLIT, stall_timeout_s=0.1)
    async with (
        rig(tmp_path, first, second, FILE, limits=limits) as r,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(r.fetch)
        await until(lambda: len(r.server.requests) >= 2)
        gate.set()
    assert r.content() == BODY


async def test_row_108_a_silent_connection_of_two_is_replaced(tmp_path: Path) -> None:
    gate = asyncio.Event()
    limits = replace(SPLIT, stall_timeout_s=0.1)
    async with rig(tmp_path, FILE, limits=limits) as r:
        r.server.script = [held(gate), cut(FILE, 2000, End.HANG), FILE]
        await r.fetch()
    assert r.content() == BODY


async def test_row_132_a_cancelled_download_keeps_what_every_connection_brought(
    tmp_path: Path,
) -> None:
    gate = asyncio.Event()
    async with rig(tmp_path, held(gate), held(gate), FILE, limits=SPLIT) as r:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(r.fetch)
            await until(lambda: len(r.server.requests) >= 2)
            await until(lambda: (tmp_path / "file.bin.part").stat().st_size > 50_000)
            tasks.cancel_scope.cancel()
        assert r.names == ["file.bin.part", "file.bin.part.state"]
        middle = (len(BODY) + 1000) // 2
        again = await r.fetch(connections=1)
    assert r.content() == BODY
    assert again.received_bytes == len(BODY) - 2000
    assert r.ranges[2:] == [f"bytes=1000-{middle - 1}", f"bytes={middle + 1000}-"]


async def test_row_125_bytes_that_were_passed_over_are_not_taken_for_those_of_a_neighbour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, is_saving_its_last = asyncio.Event(), asyncio.Event()
    write = PartFile.write

    async def slow_write(part: PartFile, offset: int, pieces: Sequence[bytes]) -> None:
        if offset + sum(map(len, pieces)) == (len(BODY) + 1000) // 2:
            is_saving_its_last.set()
            for _ in range(50):
                await anyio.sleep(0.001)
        await write(part, offset, pieces)

    def refuse_late(received: Received) -> Reply:
        refusal = status(429)(received)
        return replace(refusal, head=b"", body=refusal.head + b"no", gate=is_saving_its_last)

    def dripping(received: Received) -> Reply:
        return replace(held(gate)(received), drip_bytes=40_000)

    monkeypatch.setattr(PartFile, "write", slow_write)
    async with (
        rig(tmp_path, dripping, refuse_late, FILE, limits=SPLIT) as r,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(r.fetch)
        await until(lambda: len(r.server.requests) >= 2)
        gate.set()
    assert is_saving_its_last.is_set()
    assert r.content() == BODY


async def test_row_092_an_expired_url_is_renewed_once_for_all_pieces(tmp_path: Path) -> None:
    asked: list[int] = []
    gate = asyncio.Event()

    def host(received: Received) -> Reply:
        if "fresh" in received.target:
            return FILE(received)
        refusal = status(403)
        first = cut(FILE, 1000, End.HANG)
        return (first if received.headers["range"] == "bytes=0-" else refusal)(received)

    limits = replace(SPLIT, stall_timeout_s=0.1, connections_per_file=4)
    async with rig(tmp_path, host, limits=limits) as r:

        async def refresh() -> str:
            asked.append(1)
            return f"{r.server.url}/fresh"

        await r.fetch(refresh=refresh)
    assert not gate.is_set()
    assert (r.content(), len(asked)) == (BODY, 1)


async def test_further_connections_leave_room_for_files_that_have_none(tmp_path: Path) -> None:
    gate = asyncio.Event()
    limits = replace(SPLIT, per_host=2)
    async with (
        rig(tmp_path, held(gate), held(gate), FILE, limits=limits) as r,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(r.fetch)
        await until(lambda: len(r.server.requests) >= 2)
        tasks.start_soon(r.fetch, "second.bin")
        await until(lambda: len(r.names) >= 1)
        gate.set()
    assert r.content() == r.content("second.bin") == BODY
    assert r.server.most_active <= 2


async def test_row_084_a_rest_that_a_further_connection_is_asked_for_is_the_hosts(
    tmp_path: Path,
) -> None:
    gate = asyncio.Event()
    script = held(gate), status(429, Retry_After=60), FILE
    async with rig(tmp_path, *script, limits=SPLIT) as r:
        await fetch_and_release(r, gate, 2)
        with anyio.move_on_after(0.05):
            await r.fetch("second.bin")
    assert r.content() == BODY
    assert len(r.server.requests) == 2
    assert [event.reason for event in r.told(HostWait)] == ["http-429"]


async def test_a_refused_piece_does_not_hide_a_refused_file(tmp_path: Path) -> None:
    limits: Limits = replace(SPLIT, stall_timeout_s=0.05)
    async with rig(tmp_path, cut(FILE, 1000, End.HANG), status(404), limits=limits) as r:
        with pytest.raises(HttpStatusError):
            await r.fetch()
    assert "file.bin" not in r.names
    assert r.content("file.bin.part")[:1000] == BODY[:1000]


async def test_row_166_pieces_are_read_once_more_for_their_digest(tmp_path: Path) -> None:
    gate = asyncio.Event()
    digest = Digest("sha256", hashlib.sha256(BODY).hexdigest())
    bare = replace(FILE, etag=None)
    async with (
        rig(tmp_path, held(gate, bare), bare, limits=SPLIT) as r,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(lambda: r.fetch(digests=(digest,)))
        await until(lambda: len(r.server.requests) >= 2)
        gate.set()
    assert r.content() == BODY


async def test_row_041_pieces_of_two_versions_do_not_pass_their_digest(tmp_path: Path) -> None:
    gate = asyncio.Event()
    digest = Digest("sha256", hashlib.sha256(BODY).hexdigest())
    bare, other = replace(FILE, etag=None), replace(NEW, etag=None)
    async with (
        rig(tmp_path, held(gate, bare), other, bare, limits=SPLIT) as r,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(lambda: r.fetch(digests=(digest,)))
        await until(lambda: len(r.server.requests) >= 2)
        gate.set()
    assert r.content() == BODY
    assert r.ranges[-1] == "bytes=0-"
