"""The queue: one outcome per request, whatever happens."""

import asyncio
from pathlib import Path

import anyio

from asyncdl.errors import HttpStatusError
from asyncdl.transfer import Fetched, FileRequest, Outcome, serve_queue
from asyncdl.transfer.slots import Slot
from tests.transfer.fault_server import HostedFile, after, rig, status

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
