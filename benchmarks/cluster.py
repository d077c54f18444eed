"""What workers of a cluster bring, and what they cost: on one machine, by real processes.

::

    python -m benchmarks.cluster [--rounds N] [--only small|parts|capped|stored]

``small`` fetches many small files: CPU of the coordinator for each, and the memory of a worker.
``parts`` says what each process takes for such a file: coordinator, scheduler and workers, and who
places it in a store (SeaweedFS, where that is installed).
``capped`` fetches files from an nginx that limits each connection, with 1, 2 and 4 workers of four
connections each: the rate, beside what the limit allows. ``stored`` has two workers place files in
a store, SeaweedFS on this machine: CPU of the coordinator for each, and the memory of a worker;
large ones also from a host that limits each connection.
Every file is proven by its digest.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from asyncdl.cluster.coordinator import ClusterSettings, open_fetcher
from asyncdl.cluster.dask_cluster import DaskCluster
from asyncdl.cluster.messages import AgentStore
from asyncdl.events import discard
from asyncdl.job.places.delivery import (
    DeliveryPlan,
    DeliveryRequest,
    FileDelivery,
    PlannedPlace,
)
from asyncdl.job.places.placer import FolderPlacer
from asyncdl.job.places.store_placer import StorePlace, StorePlacer
from asyncdl.net.tls import TlsSettings
from asyncdl.stores.address import StoreAddress
from asyncdl.stores.settings import StoreSettings
from asyncdl.transfer import Digest, Downloader, FileFetcher, FileRequest, Limits, serve_queue
from asyncdl.transfer.dispatch import Outcome
from benchmarks.compare import workplace
from benchmarks.servers import free_ports, nginx
from tests.stores.weed import Weed, program, running_weed

CAP_BYTES_S = 4_000_000
"""Of each connection of the capped server."""
PER_WORKER = 4
"""Connections of each worker there."""
MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class Sample:
    """One list of files, fetched."""

    wall_s: float
    cpu_s: float
    """Of this process: coordinator or downloader."""
    worker_mib: float = 0.0
    """The most memory that a worker had."""


def make_sources(folder: Path, count: int, size: int) -> list[tuple[str, Digest]]:
    """Write files; return their names with their digests."""
    sources = []
    for number in range(count):
        content = hashlib.shake_128(b"%d" % number).digest(size)
        (folder / f"{number}.bin").write_bytes(content)
        sources.append((f"{number}.bin", Digest("sha256", hashlib.sha256(content).hexdigest())))
    return sources


@contextmanager
def serving(data: Path, folder: Path, cap_bytes_s: int | None) -> Iterator[str]:
    """Serve a folder; yield the origin."""
    (port,) = free_ports(1)
    limit = f"limit_rate {cap_bytes_s};" if cap_bytes_s else ""
    with nginx(data, folder, f"server {{ listen 127.0.0.1:{port}; {limit} }}", port):
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def fetching(target: Path, limits: Limits, workers: int) -> AsyncIterator[FileFetcher]:
    """Yield a fetcher with so many workers; with 0 it is a Downloader."""
    if not workers:
        async with Downloader(limits) as downloader:
            yield downloader
        return
    count = limits.connections
    settings = ClusterSettings(target, limits, count, True, TlsSettings(), 10.0, 60.0)
    async with (
        DaskCluster(None, workers) as cluster,
        open_fetcher(cluster, settings, FolderPlacer(target), discard) as fetcher,
    ):
        yield fetcher


async def fetch(
    origin: str, sources: Sequence[tuple[str, Digest]], target: Path, limits: Limits, workers: int
) -> Sample:
    """Fetch a list, and measure that alone: neither the start of the workers nor their end."""
    async with fetching(target, limits, workers) as fetcher:
        at_once = limits.connections * (3 if workers else 1)
        began_s, began_cpu_s = time.perf_counter(), cpu_s()
        await fetch_list(fetcher, origin, sources, target, at_once)
        wall_s, used_s = time.perf_counter() - began_s, cpu_s() - began_cpu_s
        return Sample(wall_s, used_s, await anyio.to_thread.run_sync(worker_mib))


async def fetch_list(
    fetcher: FileFetcher,
    origin: str,
    sources: Sequence[tuple[str, Digest]],
    target: Path,
    at_once: int,
) -> None:
    into, requests = anyio.create_memory_object_stream[FileRequest](at_once)
    outcomes, ended = anyio.create_memory_object_stream[Outcome](at_once)
    async with anyio.create_task_group() as tasks, ended:
        tasks.start_soon(serve_queue, fetcher, requests, outcomes, at_once)
        tasks.start_soon(send, into, origin, sources, target)
        async for outcome in ended:
            if outcome.error is not None:
                raise outcome.error


async def send(
    into: anyio.abc.ObjectSendStream[FileRequest],
    origin: str,
    sources: Sequence[tuple[str, Digest]],
    target: Path,
) -> None:
    async with into:
        for name, digest in sources:
            await into.send(FileRequest(f"{origin}/{name}", target, name, digests=(digest,)))


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def worker_mib() -> float:
    """Return the most memory that any worker below this process has had."""
    peaks = [0.0]
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            facts = dict(line.split(":", 1) for line in status.read_text().splitlines())
            command = (status.parent / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if b"spawn_main" in command and facts["PPid"].strip() == str(_own_pid()):
            peaks.append(int(facts["VmHWM"].split()[0]) / 1024)
    return max(peaks)


def _own_pid() -> int:
    return int(Path("/proc/self").resolve().name)


def measure(
    origin: str, sources: Sequence[tuple[str, Digest]], folder: Path, limits: Limits, workers: int
) -> Sample:
    target = folder / "copies"
    target.mkdir()
    try:
        return asyncio.run(fetch(origin, sources, target, limits, workers))
    finally:
        shutil.rmtree(target)


# --- what each process takes ----------------------------------------------------------------


def cpu_of(pid: int) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def cpu_of_parts(
    origin: str, sources: Sequence[tuple[str, Digest]], folder: Path
) -> dict[str, float]:
    """Fetch a list by a scheduler and two workers, each a process; return what each has used."""
    from tests.beyond.dask_processes import starting

    target, limits = folder / "copies", Limits()
    target.mkdir()
    settings = ClusterSettings(target, limits, limits.connections, True, TlsSettings(), 10.0, 60.0)
    async with starting(folder / "processes") as processes:
        scheduler, address = await processes.scheduler()
        workers = [await processes.worker(address, str(number)) for number in range(2)]
        pids = {"scheduler": [scheduler.process.pid], "workers": [w.process.pid for w in workers]}
        async with (
            DaskCluster(address, 2) as cluster,
            open_fetcher(cluster, settings, FolderPlacer(target), discard) as fetcher,
        ):
            before = {name: sum(map(cpu_of, some)) for name, some in pids.items()}
            began_s = cpu_s()
            await fetch_list(fetcher, origin, sources, target, limits.connections * 3)
            used = {"coordinator": cpu_s() - began_s}
            used |= {name: sum(map(cpu_of, some)) - before[name] for name, some in pids.items()}
    return used


def cpu_of_placing(
    sources: Sequence[tuple[str, Digest]], data: Path, folder: Path
) -> dict[str, float]:
    """Place the files of a list in a store; return what that has used, here and there."""
    from asyncdl.config import parse_config
    from asyncdl.job.places.provenance import Provenance
    from asyncdl.job.places.store_placer import StorePlace, StorePlacer

    if program() is None:
        return {}
    with running_weed(folder / "weed") as weed:
        os.environ |= weed.environment() | {"AWS_REGION": "us-east-1"}
        raw = {
            "search": {"scenes": ["LC08_L2SP_068017_20200310_20200822_02_T1"]},
            "products": [{"kind": "bundle"}],
            "download": {"directory": f"s3://{weed.bucket}/x", "state_directory": str(folder)},
            "store": {"endpoint": weed.endpoint},
        }
        placer = StorePlacer(StorePlace.of(parse_config(raw)))
        placer.is_empty()
        assert weed.process is not None

        def place(source: tuple[str, Digest]) -> None:
            placer.place(data / source[0], source[0], Provenance("length", (source[1],)))

        began_s, there_s = cpu_s(), cpu_of(weed.process.pid)
        with ThreadPoolExecutor(8) as threads:
            for _ in threads.map(place, sources):
                pass
        return {
            "placing in a store": cpu_s() - began_s,
            "the store itself": cpu_of(weed.process.pid) - there_s,
        }


def parts(folder: Path, rounds: int, count: int) -> None:
    """Print what each process takes for a file of 16 KiB."""
    sources = make_sources(folder / "data", count, 16 * 1024)
    with serving(folder / "data", folder / "nginx", None) as origin:
        taken = [in_a_round(origin, sources, folder) for _ in range(rounds)]
    for name in taken[0]:
        middle = statistics.median(one[name] for one in taken)
        print(f"{name}: {1e3 * middle / count:.3f} ms CPU a file")


def in_a_round(
    origin: str, sources: Sequence[tuple[str, Digest]], folder: Path
) -> dict[str, float]:
    """Return what all processes have used for a list, in a folder of the round's own."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        used = asyncio.run(cpu_of_parts(origin, sources, Path(name)))
        return used | cpu_of_placing(sources, folder / "data", Path(name))


def median_of(samples: Sequence[Sample], fact: str) -> float:
    return float(statistics.median(getattr(sample, fact) for sample in samples))


def small(folder: Path, rounds: int, count: int) -> None:
    """Print what a small file costs the coordinator, and a downloader that fetches it itself."""
    sources = make_sources(folder / "data", count, 16 * 1024)
    limits = Limits()
    with serving(folder / "data", folder / "nginx", None) as origin:
        taken = {
            workers: [measure(origin, sources, folder, limits, workers) for _ in range(rounds)]
            for workers in (0, 1, 2)
        }
    for workers, samples in taken.items():
        who = f"coordinator, {workers} workers" if workers else "downloader alone"
        print(
            f"{who}: {1e3 * median_of(samples, 'cpu_s') / count:.3f} ms CPU a file, "
            f"{count / median_of(samples, 'wall_s'):,.0f} files a second, "
            f"worker {max(s.worker_mib for s in samples):.0f} MiB"
        )


def capped(folder: Path, rounds: int, files: int) -> None:
    """Print the rate with 1, 2 and 4 workers, beside what a limit of each connection allows."""
    sources = make_sources(folder / "data", 4 * files, 8 * MIB)
    with serving(folder / "data", folder / "nginx", CAP_BYTES_S) as origin:
        for workers in (1, 2, 4):
            limits = Limits(connections=PER_WORKER * workers, per_host=PER_WORKER * workers)
            some = sources[: files * workers]
            samples = [measure(origin, some, folder, limits, workers) for _ in range(rounds)]
            rate = len(some) * 8 * MIB / median_of(samples, "wall_s")
            ideal = CAP_BYTES_S * PER_WORKER * workers
            print(
                f"{workers} workers: {rate / 1e6:.1f} MB/s of {ideal / 1e6:.0f}, "
                f"{rate / ideal:.2f} of ideal, worker {max(s.worker_mib for s in samples):.0f} MiB"
            )


# --- into a store ---------------------------------------------------------------------------


@asynccontextmanager
async def storing(spool: Path, weed: Weed, limits: Limits) -> AsyncIterator[FileFetcher]:
    """Yield a fetcher whose two workers place files in a store."""
    settings = StoreSettings(StoreAddress("s3", weed.bucket, "bench"), weed.endpoint)
    place = StorePlace(settings, spool, GIB, 8)
    store = AgentStore(settings, place.spool_bytes, place.uploads)
    of_cluster = ClusterSettings(
        spool, limits, limits.connections, True, TlsSettings(), 10.0, 60.0, store
    )
    async with (
        DaskCluster(None, 2) as cluster,
        open_fetcher(cluster, of_cluster, StorePlacer(place), discard) as fetcher,
    ):
        yield fetcher


async def store_list(
    origin: str, sources: Sequence[tuple[str, Digest]], spool: Path, weed: Weed, size: int
) -> Sample:
    """Have a list fetched and placed in a store; measure that alone."""
    limits = Limits()
    deliveries = [FileDelivery(_plan(f"{size}/{name}", size)) for name, _ in sources]

    async def store_one(fetcher: FileFetcher, number: int, room: anyio.Semaphore) -> None:
        name, digest = sources[number]
        async with room:
            await fetcher.fetch(
                DeliveryRequest(
                    f"{origin}/{name}", spool, name, digests=(digest,), delivery=deliveries[number]
                )
            )

    async with storing(spool, weed, limits) as fetcher:
        began_s, began_cpu_s = time.perf_counter(), cpu_s()
        room = anyio.Semaphore(3 * limits.connections)
        async with anyio.create_task_group() as tasks:
            for number in range(len(sources)):
                tasks.start_soon(store_one, fetcher, number, room)
        wall_s, used_s = time.perf_counter() - began_s, cpu_s() - began_cpu_s
        for delivery in deliveries:
            if delivery.made_elsewhere(delivery.plan.places[0].path) is None:
                raise RuntimeError(f"not placed: {delivery.plan.places[0].path}")
        return Sample(wall_s, used_s, await anyio.to_thread.run_sync(worker_mib))


def _plan(path: str, size: int) -> DeliveryPlan:
    return DeliveryPlan((PlannedPlace(path),), spool_bytes=size)


def stored(folder: Path, rounds: int) -> None:
    """Print what files cost that workers place in a store."""
    with running_weed(folder / "weed") as weed:
        os.environ.update(weed.environment())
        os.environ["AWS_REGION"] = "us-east-1"
        loads = ((1000, 16 * 1024, None), (48, 8 * MIB, None), (48, 8 * MIB, CAP_BYTES_S))
        for count, size, cap_bytes_s in loads:
            sources = make_sources(folder / "data", count, size)
            with serving(folder / "data", folder / "nginx", cap_bytes_s) as origin:
                samples = [
                    asyncio.run(store_list(origin, sources, folder / "spool", weed, size))
                    for _ in range(rounds)
                ]
            wall_s = median_of(samples, "wall_s")
            host = f", {cap_bytes_s / 1e6:.0f} MB/s for each connection" if cap_bytes_s else ""
            print(
                f"{count} files of {size // 1024} KiB into a store, 2 workers{host}: "
                f"{1e3 * median_of(samples, 'cpu_s') / count:.3f} ms CPU a file in the coordinator,"
                f" {count / wall_s:,.0f} files and {count * size / wall_s / 1e6:.0f} MB a second, "
                f"worker {max(s.worker_mib for s in samples):.0f} MiB"
            )


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("small", "parts", "capped", "stored"))
    parser.add_argument("--files", type=int, default=10_000, help="of `small` and `parts`")
    options = parser.parse_args(arguments)
    kinds: dict[str, Callable[[Path], None]] = {
        "small": lambda folder: small(folder, options.rounds, options.files),
        "parts": lambda folder: parts(folder, options.rounds, options.files),
        "capped": lambda folder: capped(folder, options.rounds, 16),
        "stored": lambda folder: stored(folder, options.rounds),
    }
    for name, part in kinds.items():
        if options.only in (None, name):
            with workplace() as folder:
                part(folder)


if __name__ == "__main__":
    main()
