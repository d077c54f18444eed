"""The queue: one outcome per request, whatever happens."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from asyncdl.errors import HttpStatusError
from asyncdl.events import TransferStarted
from asyncdl.transfer import Fetched, FileRequest, Outcome, serve_queue
from asyncdl.transfer.slots import Slot
from tests.transfer.fault_server import QUICK, HostedFile, Received, Reply, Rig, after, rig, status

BODY = bytes(range(256)) * 40
FILE = HostedFile(BODY)


async def test_one_bad_file_stops_no_other(tmp_path: Path) -> None:
    results: list[Outcome] = []
    async with rig(tmp_path, FILE, status(404), FILE) as r:
        requests_in, requests_out = anyio.create_memory_object_stream[FileRequest](2)
        outcomes_in, outcomes_out = anyio.create_memory_object_stream[Outcome](2)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(serve_queue, r.downloader, requests_out, outcomes_in, 1)
            async with requests_in:
                for number in range(2):
                    await requests_in.send(FileRequest(r.server.url, tmp_path, f"{number}.bin"))
            results = [outcome async for outcome in outcomes_out]
        outcomes_out.close()
    assert [outcome.fetched is not None for outcome in results] == [True, False]
    assert isinstance(results[1].error, HttpStatusError)


async def test_row_135_a_crash_is_an_outcome_and_costs_no_worker(tmp_path: Path) -> None:
    async def refresh() -> str:
        raise ZeroDivisionError

    async with rig(tmp_path, status(403), FILE) as r:
        requests_in, requests_out = anyio.create_memory_object_stream[FileRequest](2)
        outcomes_in, outcomes_out = anyio.create_memory_object_stream[Outcome](2)
        async with requests_in, outcomes_out:
            await requests_in.send(FileRequest(r.server.url, tmp_path, "a.bin", refresh=refresh))
            await requests_in.send(FileRequest(r.server.url, tmp_path, "b.bin"))
            await requests_in.aclose()
            await serve_queue(r.downloader, requests_out, outcomes_in, 1)
            results = [outcome async for outcome in outcomes_out]
    assert isinstance(results[0].error, ZeroDivisionError)
    assert results[1].fetched is not None


async def test_workers_are_files_at_once(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with rig(tmp_path, after(gate, FILE)) as r:
        requests_in, requests_out = anyio.create_memory_object_stream[FileRequest](9)
        outcomes_in, outcomes_out = anyio.create_memory_object_stream[Outcome](9)
        async with outcomes_out, anyio.create_task_group() as tasks:
            async with requests_in:
                for number in range(5):
                    await requests_in.send(FileRequest(r.server.url, tmp_path, f"{number}.bin"))
            tasks.start_soon(serve_queue, r.downloader, requests_out, outcomes_in, 2)
            while r.server.active < 2:
                await anyio.sleep(0.001)
            gate.set()
    assert r.server.most_active == 2
    assert len(r.names) == 5


@asynccontextmanager
async def queue_of(r: Rig, count: int) -> AsyncIterator[TaskGroup]:
    """Serve a list of so many files of one URL, as many at once as by default."""
    requests_in, requests_out = anyio.create_memory_object_stream[FileRequest](count)
    outcomes_in, outcomes_out = anyio.create_memory_object_stream[Outcome](count)
    async with outcomes_out, anyio.create_task_group() as tasks:
        async with requests_in:
            for number in range(count):
                await requests_in.send(FileRequest(r.server.url, r.directory, f"{number}.bin"))
        tasks.start_soon(serve_queue, r.downloader, requests_out, outcomes_in)
        yield tasks
    assert len(r.names) == count


async def test_by_default_there_is_a_file_for_each_connection(tmp_path: Path) -> None:
    gate = asyncio.Event()
    limits = replace(QUICK, connections=7, per_host=7)
    async with rig(tmp_path, after(gate, FILE), limits=limits) as r, queue_of(r, 20):
        while r.server.active < 7:
            await anyio.sleep(0.001)
        await anyio.wait_all_tasks_blocked()
        gate.set()
    assert r.server.most_active == 7


async def test_a_large_file_gets_connections_while_small_ones_wait(tmp_path: Path) -> None:
    """It is split while files of the list have not started, within the one budget."""
    split = replace(
        QUICK, connections=4, per_host=4, connections_per_file=4, split_from_bytes=len(BODY) + 1,
        first_look_s=0.0, split_after_s=0.0, smallest_piece_bytes=1000,
    )  # fmt: skip
    large, gates = HostedFile(BODY * 40), [asyncio.Event() for _ in range(4)]
    small = [after(gate, FILE) for gate in gates[1:]]
    segments: list[str] = []

    def respond(received: Received) -> Reply:
        wanted = received.headers.get("range")
        if wanted not in (None, "bytes=0-"):
            segments.append(wanted)
            return after(gates[0], large)(received)
        number = len(r.server.requests) - len(segments) - 1
        if number == 0:
            return after(gates[0], large, first_bytes=1000)(received)
        return (small[number - 1] if number <= len(small) else after(gates[0], FILE))(received)

    async def until(condition: Callable[[], bool]) -> None:
        with anyio.fail_after(60):
            while not condition():
                await anyio.sleep(0.001)

    async with rig(tmp_path, respond, limits=split) as r, queue_of(r, 20):
        await until(lambda: len(r.server.requests) == 4)
        # Not all first bytes are written at once: how many, depends on the loop.
        await until(lambda: bool(r.told(TransferStarted)))
        await anyio.wait_all_tasks_blocked()
        for count, gate in enumerate(gates[1:3], 1):
            gate.set()
            await until(lambda count=count: len(segments) == count)  # type: ignore[misc]
        gates[3].set()
        # Half of the budget is used up: the next connection is for the next file.
        await until(lambda: len(r.server.requests) == 7)
        assert len(segments) == 2
        gates[0].set()
    assert r.server.most_active <= 4
    # Which file comes first, depends on the loop.
    assert [file.read_bytes() for file in tmp_path.glob("*.bin")].count(BODY * 40) == 1


async def test_row_134_a_full_queue_holds_up_who_fills_it(tmp_path: Path) -> None:
    gate = asyncio.Event()
    async with rig(tmp_path, after(gate, FILE)) as r:
        requests_in, requests_out = anyio.create_memory_object_stream[FileRequest](2)
        outcomes_in, outcomes_out = anyio.create_memory_object_stream[Outcome](9)
        async with outcomes_out, anyio.create_task_group() as tasks:
            tasks.start_soon(serve_queue, r.downloader, requests_out, outcomes_in, 1)
            sent = 0
            with anyio.move_on_after(0.1):
                while True:
                    await requests_in.send(FileRequest(r.server.url, tmp_path, f"{sent}.bin"))
                    sent += 1
            requests_in.close()
            gate.set()
    assert sent == 3


class _Elsewhere:
    """Carries out file requests without an engine: each file is already there."""

    async def fetch(self, request: FileRequest, slot: Slot | None = None) -> Fetched:
        path = request.directory / (request.name or "file")
        return Fetched(path, 0, 0, already_there=True, proof="present", attempts=0, elapsed_s=0.0)

    def is_troubled(self, url: str) -> bool:
        return False


async def test_a_queue_takes_whoever_carries_out_its_requests(tmp_path: Path) -> None:
    requests_in, requests_out = anyio.create_memory_object_stream[FileRequest](3)
    outcomes_in, outcomes_out = anyio.create_memory_object_stream[Outcome](3)
    async with outcomes_out:
        async with requests_in:
            for name in ("a", "b", "c"):
                await requests_in.send(FileRequest("https://host.example/x", tmp_path, name))
        await serve_queue(_Elsewhere(), requests_out, outcomes_in, 2)
        found = [outcome async for outcome in outcomes_out]
    names = [outcome.fetched.path.name for outcome in found if outcome.fetched is not None]
    assert sorted(names) == ["a", "b", "c"]
