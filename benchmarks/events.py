"""How many events a second the views of a run take in, and what they keep in memory.

::

    python -m benchmarks.events          # 100,000 files, 1.5 million events
"""

from __future__ import annotations

import gc
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence

from asyncdl.events import (
    ApiCalled,
    ConnectionsInUse,
    Emit,
    Event,
    FileFinished,
    FilesPreparing,
    FileState,
    FilesWanted,
    HostStrain,
    JobFinished,
    JobStarted,
    QuotaLeft,
    ScenesFound,
    ServiceBack,
    ServiceWait,
    TransferEnded,
    TransferProgress,
    TransferStarted,
)
from asyncdl.job.reporting.report import Report
from asyncdl.metrics import Metrics
from asyncdl.progress.run_progress import RunProgress
from asyncdl.run_state import RunState

ACTIVE = 8
"""Files under way at once."""
SIZE_BYTES = 10_000_000
HOST, SERVICE = "dds.cr.usgs.gov", "m2m.cr.usgs.gov"


def run_of(files: int) -> Iterator[Event]:
    """Yield the events of a job: of each file ten times progress, one of fifty fails."""
    yield JobStarted("data", "label")
    keys = [f"bands/S{n}/f{n}.TIF" for n in range(files)]
    for first in range(0, files, 1000):
        some = keys[first : first + 1000]
        yield ScenesFound(first // 5 + 200, files // 5)
        yield FilesWanted(len(some), SIZE_BYTES * len(some), dict.fromkeys(some[::4], SIZE_BYTES))
    for first in range(0, files, ACTIVE):
        if first % 400 == 0:
            yield from troubles(files - first)
        yield from transfers(keys[first : first + ACTIVE])
    yield JobFinished("incomplete")


def troubles(left: int) -> Iterator[Event]:
    yield FilesPreparing(left, "a", 30.0, 30.0)
    yield HostStrain(HOST, "http-429", 8, 16)
    yield HostStrain(HOST, "http-429", 16, 16)
    yield ServiceWait(SERVICE, "HTTP 503", 1.0, 5.0)
    yield ServiceBack(SERVICE, 5.0)
    yield QuotaLeft(14_000)
    yield ApiCalled("download-retrieve", 3.0, None)


def transfers(keys: Sequence[str]) -> Iterator[Event]:
    for count, key in enumerate(keys, 1):
        yield ConnectionsInUse(HOST, count)
        yield TransferStarted(key, key, SIZE_BYTES, 0)
    for step in range(1, 11):
        for key in keys:
            yield TransferProgress(key, step * SIZE_BYTES // 10, step * SIZE_BYTES // 10)
    for count, key in enumerate(keys, 1):
        is_bad = hash(key) % 50 == 0
        state = FileState.FAILED if is_bad else FileState.DOWNLOADED
        yield TransferEnded(key, "", SIZE_BYTES, 2.0)
        yield ConnectionsInUse(HOST, len(keys) - count)
        yield FileFinished(
            "bands", "S", key, state, SIZE_BYTES, SIZE_BYTES, "length+sha512+tiff", "m2m",
            "http-404" if is_bad else "", attempts=1,
        )  # fmt: skip


def fold() -> Emit:
    state = RunState()
    return lambda event: state.apply(event, 0.0)


VIEWS: dict[str, Callable[[], Emit]] = {
    "the fold alone": fold,
    "display": lambda: RunProgress().take,
    "report": lambda: Report(("bands",)).take,
    "metrics": lambda: Metrics().take,
}


def seconds_of(make: Callable[[], Emit], events: Sequence[Event]) -> float:
    """Return the CPU seconds of the best of three rounds."""
    rounds = []
    for _ in range(3):
        take = make()
        gc.collect()
        began = time.process_time()
        for event in events:
            take(event)
        rounds.append(time.process_time() - began)
    return min(rounds)


def peak_bytes(make: Callable[[], Emit], events: Sequence[Event]) -> int:
    """Return what a view has in memory at most; the events themselves are not its own."""
    gc.collect()
    tracemalloc.start()
    take = make()
    for event in events:
        take(event)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def main() -> None:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    events = list(run_of(files))
    print(f"{files:,} files, {len(events):,} events")
    for name, make in VIEWS.items():
        per_s = len(events) / seconds_of(make, events)
        print(f"{name:<16}{per_s:>12,.0f} events/s{peak_bytes(make, events) / 1e6:>8.1f} MB")


if __name__ == "__main__":
    main()
