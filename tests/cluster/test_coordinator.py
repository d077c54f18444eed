"""The coordinator and its agents, by real messages and a real host, without Dask."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import anyio
import pytest

from asyncdl.cluster.coordinator import ClusterFetcher
from asyncdl.cluster.links import ClusterError
from asyncdl.cluster.messages import ProbeReport
from asyncdl.errors import ApiError, HttpStatusError
from asyncdl.events import (
    ConnectionsInUse,
    Event,
    HostWait,
    Notice,
    ServiceBack,
    ServiceWait,
    TransferEnded,
    TransferProgress,
    TransferRetry,
    TransferStarted,
    WorkerJoined,
    WorkerLeft,
)
from asyncdl.transfer import Digest, Downloader, Fetched, FileRequest
from tests.cluster.inline import InlineCluster, inline_fetcher
from tests.transfer.fault_server import (
    FaultServer,
    HostedFile,
    Received,
    Reply,
    after,
    serving,
    status,
)

BODY = bytes(range(256)) * 40
FILE = HostedFile(BODY)
DIGEST = Digest("sha256", hashlib.sha256(BODY).hexdigest())


async def fetch_all(
    fetcher: ClusterFetcher, server: FaultServer, directory: Path, count: int
) -> dict[str, Fetched | Exception]:
    results: dict[str, Fetched | Exception] = {}

    async def fetch(name: str) -> None:
        request = FileRequest(f"{server.url}/{name}", directory, name, digests=(DIGEST,))
        try:
            results[name] = await fetcher.fetch(request)
        except Exception as error:
            results[name] = error

    async with anyio.create_task_group() as tasks:
        for number in range(count):
            tasks.start_soon(fetch, f"{number}.bin")
    return results


def names_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def has_ended(events: list[Event], count: int) -> bool:
    return sum(isinstance(event, TransferEnded) for event in events) >= count


async def until_requests(server: FaultServer, count: int) -> None:
    while len(server.requests) < count:
        await anyio.sleep(0.005)


async def test_all_files_come_and_every_agent_gets_some(tmp_path: Path) -> None:
    events: list[Event] = []
    cluster = InlineCluster("a", "b")
    async with serving(FILE) as server, inline_fetcher(cluster, tmp_path, events) as fetcher:
        results = await fetch_all(fetcher, server, tmp_path, 30)
    assert all(isinstance(result, Fetched) for result in results.values()), results
    assert names_in(tmp_path) == sorted(results)
    assert all(link.taken and link.taken[-1] for link in cluster.links.values())
    orders = [sum(len(said.orders) for said in link.taken) for link in cluster.links.values()]
    assert sum(orders) >= 30
    assert min(orders) > 0
    assert {e.key for e in events if isinstance(e, TransferEnded)} == set(results)
    assert sorted(e.worker for e in events if isinstance(e, WorkerJoined)) == ["a", "b"]


async def test_agents_stay_while_the_start_waits_for_a_busy_worker(tmp_path: Path) -> None:
    events: list[Event] = []
    cluster = InlineCluster("free", "busy")
    cluster.busy["busy"] = asyncio.Event()

    async def release() -> None:
        with anyio.fail_after(30):
            # Renewed for longer than a lease.
            while "free" not in cluster.links or len(cluster.links["free"].taken) < 4:
                await anyio.sleep(0.01)
        cluster.busy["busy"].set()

    async with serving(FILE) as server, anyio.create_task_group() as tasks:
        tasks.start_soon(release)
        async with inline_fetcher(cluster, tmp_path, events, lease_s=3.0) as fetcher:
            results = await fetch_all(fetcher, server, tmp_path, 4)
    assert all(isinstance(result, Fetched) for result in results.values()), results
    assert not [event for event in events if isinstance(event, WorkerLeft)]
    assert {e.worker for e in events if isinstance(e, WorkerJoined)} == {"free", "busy"}


async def test_workers_that_do_not_respond_are_no_missing_workers(tmp_path: Path) -> None:
    events: list[Event] = []
    cluster = InlineCluster("busy")
    cluster.is_silent = True
    with pytest.raises(ClusterError, match="may be busy with other tasks"):
        async with inline_fetcher(cluster, tmp_path, events, max_wait_s=0.1) as fetcher:
            await fetcher.fetch(FileRequest("http://127.0.0.1:9/x", tmp_path))
    assert [e.reason for e in events if isinstance(e, ServiceWait)]


async def test_connections_of_all_agents_stay_within_the_bound(tmp_path: Path) -> None:
    events: list[Event] = []
    cluster = InlineCluster("a", "b", "c")
    async with (
        serving(FILE) as server,
        inline_fetcher(cluster, tmp_path, events, connections=4) as fetcher,
    ):
        await fetch_all(fetcher, server, tmp_path, 40)
    assert server.most_active <= 4
    counts = [event.count for event in events if isinstance(event, ConnectionsInUse)]
    assert max(counts) <= 4
    assert counts[-1] == 0


async def test_a_killed_agents_orders_go_to_another(tmp_path: Path) -> None:
    events: list[Event] = []
    gate = asyncio.Event()
    cluster = InlineCluster("a", "b")

    def respond(received: Received) -> Reply:
        return after(gate, FILE)(received)

    found: list[dict[str, Fetched | Exception]] = []
    async with (
        serving(respond) as server,
        inline_fetcher(cluster, tmp_path, events) as fetcher,
        anyio.create_task_group() as tasks,
    ):

        async def fetch() -> None:
            found.append(await fetch_all(fetcher, server, tmp_path, 12))

        tasks.start_soon(fetch)
        await until_requests(server, 2)
        cluster.kill("a")
        gate.set()
    assert all(isinstance(result, Fetched) for result in found[0].values()), found
    (left,) = [event for event in events if isinstance(event, WorkerLeft)]
    assert (left.worker, left.reason) == ("a", "connection reset")
    assert left.files
    assert names_in(tmp_path) == sorted(found[0])


async def test_a_worker_that_comes_later_gets_files_too(tmp_path: Path) -> None:
    events: list[Event] = []
    gate = asyncio.Event()
    cluster = InlineCluster("a")
    async with (
        serving(after(gate, FILE)) as server,
        inline_fetcher(cluster, tmp_path, events, connections=2) as fetcher,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(fetch_all, fetcher, server, tmp_path, 20)
        await until_requests(server, 1)
        cluster.names["b"] = ""
        while "b" not in cluster.links:
            await anyio.sleep(0.01)
        assert server.most_active <= 2
        gate.set()
    assert any(said.orders for said in cluster.links["b"].taken)
    assert server.most_active <= 2
    assert len(names_in(tmp_path)) == 20


async def test_a_refused_url_is_renewed_by_the_coordinator(tmp_path: Path) -> None:
    def respond(received: Received) -> Reply:
        return FILE(received) if received.target == "/fresh" else status(403)(received)

    async def refresh() -> str:
        return f"{server.url}/fresh"

    cluster = InlineCluster("a")
    async with serving(respond) as server, inline_fetcher(cluster, tmp_path, []) as fetcher:
        request = FileRequest(f"{server.url}/stale", tmp_path, "x.bin", refresh=refresh)
        fetched = await fetcher.fetch(request)
    assert fetched.size_bytes == len(BODY)
    assert [request.target for request in server.requests][-1] == "/fresh"


async def test_what_a_renewal_raises_ends_the_file_with_all_its_facts(tmp_path: Path) -> None:
    async def refresh() -> str:
        raise ApiError("download-retrieve", error_code="SERVER_ERROR", message="broken")

    cluster = InlineCluster("a")
    async with serving(status(403)) as server, inline_fetcher(cluster, tmp_path, []) as fetcher:
        with pytest.raises(ApiError) as raised:
            await fetcher.fetch(FileRequest(server.url, tmp_path, "x.bin", refresh=refresh))
    assert raised.value.error_code == "SERVER_ERROR"


async def test_an_error_arrives_as_it_was(tmp_path: Path) -> None:
    cluster = InlineCluster("a")
    async with serving(status(404)) as server, inline_fetcher(cluster, tmp_path, []) as fetcher:
        with pytest.raises(HttpStatusError) as raised:
            await fetcher.fetch(FileRequest(f"{server.url}/x?sig=SECRET", tmp_path, "x.bin"))
    assert raised.value.status == 404
    assert raised.value.url_refused
    assert "SECRET" not in f"{raised.value} {vars(raised.value)}"


async def test_an_agent_that_cannot_fetch_what_another_can_gets_no_files(tmp_path: Path) -> None:
    events: list[Event] = []
    cluster = InlineCluster("a", "b")

    def respond(received: Received) -> Reply:
        # Nothing for the agent that is first to try.
        return (FILE if has_ended(events, 1) else status(403))(received)

    async with (
        serving(respond) as server,
        inline_fetcher(cluster, tmp_path, events) as fetcher,
    ):
        results = await fetch_all(fetcher, server, tmp_path, 1)
        more = await fetch_all(fetcher, server, tmp_path, 9)
    assert all(isinstance(result, Fetched) for result in (results | more).values())
    assert [event.worker for event in events if isinstance(event, WorkerLeft)] == ["a"]
    (notice,) = [event.text for event in events if isinstance(event, Notice)]
    assert notice.startswith("a cannot fetch what other workers can")


async def test_a_file_that_nobody_can_fetch_fails_and_costs_no_agent(tmp_path: Path) -> None:
    events: list[Event] = []
    cluster = InlineCluster("a", "b")

    def respond(received: Received) -> Reply:
        return (FILE if has_ended(events, 2) else status(404))(received)

    async with (
        serving(respond) as server,
        inline_fetcher(cluster, tmp_path, events) as fetcher,
    ):
        (failed,) = (await fetch_all(fetcher, server, tmp_path, 1)).values()
        results = await fetch_all(fetcher, server, tmp_path, 8)
    assert isinstance(failed, HttpStatusError)
    assert all(isinstance(result, Fetched) for result in results.values())
    assert not [event for event in events if isinstance(event, WorkerLeft | Notice)]


async def test_a_cancelled_fetch_leaves_what_came_for_a_later_one(tmp_path: Path) -> None:
    events: list[Event] = []
    gate = asyncio.Event()
    cluster = InlineCluster("a")
    async with (
        serving(after(gate, FILE, first_bytes=5_000)) as server,
        inline_fetcher(cluster, tmp_path, events) as fetcher,
    ):
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(fetcher.fetch, FileRequest(server.url, tmp_path, "x.bin"))
                while not any(isinstance(event, TransferProgress) for event in events):
                    await anyio.sleep(0.005)
                scope.cancel()
        while not cluster.links["a"].taken[-1].withdrawn:
            await anyio.sleep(0.005)
    assert names_in(tmp_path) == ["x.bin.part", "x.bin.part.state"]


async def test_a_file_that_another_process_holds_is_waited_for(tmp_path: Path) -> None:
    events: list[Event] = []
    gate = asyncio.Event()
    cluster = InlineCluster("a")
    async with (
        serving(after(gate, FILE, first_bytes=5_000)) as server,
        Downloader() as other,
        inline_fetcher(cluster, tmp_path, events, max_wait_s=60) as fetcher,
        anyio.create_task_group() as tasks,
    ):
        request = FileRequest(server.url, tmp_path, "x.bin", digests=(DIGEST,))
        tasks.start_soon(other.fetch, request)
        await until_requests(server, 1)
        tasks.start_soon(fetcher.fetch, request)
        while not (waits := [e for e in events if isinstance(e, TransferRetry)]):
            await anyio.sleep(0.01)
        gate.set()
    assert waits[0].reason == "busy"
    assert names_in(tmp_path) == ["x.bin"]
    assert len(server.requests) == 1


async def test_what_one_agent_learns_of_a_host_spares_it_the_others(tmp_path: Path) -> None:
    events: list[Event] = []
    cluster = InlineCluster("a", "b")
    async with (
        serving(FILE, FILE, status(429, Retry_After=2), FILE) as server,
        inline_fetcher(cluster, tmp_path, events, connections=2) as fetcher,
    ):
        await fetch_all(fetcher, server, tmp_path, 12)
        host = server.url.partition("://")[2]
    lessons = [said.lessons for link in cluster.links.values() for said in link.taken]
    passed_on = [lesson for some in lessons for lesson in some]
    assert {(lesson.host, lesson.reason) for lesson in passed_on} == {(host, "http-429")}
    assert {event.host for event in events if isinstance(event, HostWait)} == {host}


async def test_without_a_worker_the_run_waits_and_then_stops(tmp_path: Path) -> None:
    events: list[Event] = []
    cluster = InlineCluster("a")
    gate = asyncio.Event()
    with pytest.raises(ClusterError, match=r"has had no usable worker for \d+ s: no worker"):
        async with (
            serving(after(gate, FILE)) as server,
            inline_fetcher(cluster, tmp_path, events, max_wait_s=1) as fetcher,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(fetch_all, fetcher, server, tmp_path, 3)
            await until_requests(server, 1)
            cluster.kill("a")
    (wait,) = [event for event in events if isinstance(event, ServiceWait)]
    assert (wait.service, wait.reason) == ("the cluster of a test", "no worker")


async def test_a_worker_that_comes_back_in_time_goes_on(tmp_path: Path) -> None:
    events: list[Event] = []
    gate = asyncio.Event()
    cluster = InlineCluster("a")
    async with (
        serving(after(gate, FILE)) as server,
        inline_fetcher(cluster, tmp_path, events, max_wait_s=60, lease_s=6.0) as fetcher,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(fetch_all, fetcher, server, tmp_path, 3)
        await until_requests(server, 1)
        cluster.kill("a")
        gate.set()
        while not any(isinstance(event, ServiceWait) for event in events):
            await anyio.sleep(0.01)
        cluster.names["b"] = ""
    assert len(names_in(tmp_path)) == 3
    assert any(isinstance(event, ServiceBack) for event in events)


async def test_a_scheduler_that_comes_back_with_workers_goes_on(tmp_path: Path) -> None:
    gate = asyncio.Event()
    cluster = InlineCluster("a")
    events: list[Event] = []
    async with (
        serving(after(gate, FILE)) as server,
        inline_fetcher(cluster, tmp_path, events, max_wait_s=60, lease_s=6.0) as fetcher,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(fetch_all, fetcher, server, tmp_path, 3)
        await until_requests(server, 1)
        cluster.is_down = True
        cluster.kill("a")
        while not any(isinstance(event, ServiceWait) for event in events):
            await anyio.sleep(0.01)
        cluster.names["b"], cluster.is_down = "", False
        gate.set()
    assert len(names_in(tmp_path)) == 3


async def test_an_agent_without_a_word_stops_and_saves_its_state(tmp_path: Path) -> None:
    cluster = InlineCluster("a")
    gate = asyncio.Event()
    async with serving(after(gate, FILE, first_bytes=5_000)) as server:
        with anyio.CancelScope() as scope:
            async with (
                anyio.create_task_group() as tasks,
                inline_fetcher(cluster, tmp_path, [], lease_s=2.0) as fetcher,
            ):
                tasks.start_soon(fetcher.fetch, FileRequest(server.url, tmp_path, "x.bin"))
                while not (tmp_path / "x.bin.part").exists():
                    await anyio.sleep(0.005)
                cluster.links["a"].is_dead = True  # as from now on nobody reaches it
                del cluster.names["a"]
                while not (tmp_path / "x.bin.part.state").exists():
                    await anyio.sleep(0.02)
                scope.cancel()
    assert names_in(tmp_path) == ["x.bin.part", "x.bin.part.state"]


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_worker_that_cannot_be_used_is_named(tmp_path: Path, is_first: bool) -> None:
    events: list[Event] = []
    cluster = InlineCluster(*("ab" if is_first else "a"))
    cluster.probes["b"] = ProbeReport("it sees another folder", "Mount the same.", "node7")
    async with serving(FILE) as server:
        if is_first:
            with pytest.raises(ClusterError, match=r"b \(node7\) cannot be used: it sees another"):
                async with inline_fetcher(cluster, tmp_path, events):
                    pass
            assert names_in(tmp_path) == []
            return
        async with inline_fetcher(cluster, tmp_path, events) as fetcher:
            cluster.names["b"] = ""
            while not any(isinstance(event, Notice) for event in events):
                await anyio.sleep(0.01)
            await fetch_all(fetcher, server, tmp_path, 5)
    assert not cluster.links["b"].taken
    assert [e.worker for e in events if isinstance(e, WorkerJoined)] == ["a"]


async def test_bytes_that_came_twice_are_counted_twice(tmp_path: Path) -> None:
    """A lost agent's transfer ends for all who follow the events, before the next one starts."""
    events: list[Event] = []
    gate = asyncio.Event()
    cluster = InlineCluster("a", "b")
    async with (
        serving(after(gate, FILE, first_bytes=5_000), FILE) as server,
        inline_fetcher(cluster, tmp_path, events) as fetcher,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(fetch_all, fetcher, server, tmp_path, 1)
        while not any(isinstance(event, TransferStarted) for event in events):
            await anyio.sleep(0.01)
        [at_work] = [name for name in "ab" if any(t.orders for t in cluster.links[name].taken)]
        cluster.kill(at_work)
    ends = [event.reason for event in events if isinstance(event, TransferEnded)]
    # The lost agent may hold the file for a moment longer.
    assert [reason for reason in ends if reason != "busy"] == ["interrupted", ""]
