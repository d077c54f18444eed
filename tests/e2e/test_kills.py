"""Nothing is lost, whenever and however a run is ended."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from signal import SIGINT, SIGTERM

import anyio
import pytest

import asyncdl.sandbox
from asyncdl.sandbox import Faults, Service
from asyncdl.transfer.parts.part_state import decode_state
from asyncdl.transfer.ranges import Coverage, Span
from tests.soak.blows import EARLY, LATE, QUEUE, Blow, blow_at_call, blow_at_file
from tests.soak.ordeal import Ordeal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.posix("locks end with their process, which filelock's substitute cannot promise"),
]

FILES = 54


def blows_of(rng: Random) -> Sequence[Blow]:
    """Choose a moment out of each part of a run's life, with more files there each time."""
    return (
        blow_at_call(rng, EARLY),
        blow_at_call(rng, QUEUE),
        blow_at_file(rng, 6),
        blow_at_call(rng, (*EARLY, *QUEUE)),
        blow_at_file(rng, 9),
        blow_at_call(rng, LATE),
    )


async def kill_again_and_again(seed: int, folder: Path) -> None:
    """Kill runs of one job; the last run is left alone."""
    folder.mkdir()
    faults = Faults(seed=seed, preparing=0.5, polls=2, short_body=0.1)
    async with asyncdl.sandbox.serve(faults=faults) as service:
        ordeal = Ordeal(service, folder)
        for blow in blows_of(Random(seed)):
            await ordeal.strike(blow)
        await ordeal.complete()
        assert len(ordeal.final) == FILES
        # Where the machine is slow, a run may end before its blow falls.
        assert ordeal.kills >= 2


@pytest.mark.parametrize("seed", range(0, 10, 2))
async def test_a_job_survives_kills_at_any_moment(tmp_path: Path, seed: int) -> None:
    """Right bytes, nothing requested or fetched twice, nothing left over, fifty times and more."""
    async with anyio.create_task_group() as lanes:
        for lane in (seed, seed + 1):
            lanes.start_soon(kill_again_and_again, lane, tmp_path / str(lane))


LARGE = "LC08_L2SP_068018_20200310_20200822_02_T1"


async def test_large_files_lose_no_more_than_their_last_pieces(tmp_path: Path) -> None:
    """What a note says is there is not fetched again, and notes grow from kill to kill."""
    faults = Faults(rate=400_000, bundle_etag=True, preparing=0.5)
    async with asyncdl.sandbox.serve(faults=faults, file_size=300_000) as service:
        ordeal = Ordeal(
            service,
            tmp_path,
            command=(sys.executable, "-m", "tests.soak.fine_notes"),
            search=f'scenes = ["{LARGE}"]',
            products=('kind = "bundle"',),
        )
        notes = [Coverage()]
        for nth in (3, 30, 20, 40, 25):
            before = len(sent_spans(service))
            await ordeal.strike(Blow("*.tar flows", nth))
            while len(sent_spans(service)) < service.file_requests[f"{LARGE}.tar"]:
                await anyio.sleep(0.01)  # what nobody reads any more ends a moment later
            check_none_twice(sent_spans(service)[before:], notes[-1])
            notes.append(note_of(ordeal.data / "bundle" / f"{LARGE}.tar.part.state"))
        assert ordeal.kills == 5
        before = len(sent_spans(service))
        await ordeal.complete()
        check_none_twice(sent_spans(service)[before:], notes[-1])
    sizes = [note.size_bytes for note in notes]
    assert sizes == sorted(sizes) and sizes[-1] > 0


def sent_spans(service: Service) -> list[Span]:
    """Return what was sent of the one file, request by request."""
    found = []
    for request in service.file_log:
        start = int((request.range or "bytes=0-").partition("=")[2].partition("-")[0])
        found.append(Span(start, start + request.sent_bytes))
    return found


def note_of(path: Path) -> Coverage:
    state = decode_state(path.read_bytes()) if path.exists() else None
    return state.done if state else Coverage()


def check_none_twice(fetched: Sequence[Span], noted: Coverage) -> None:
    for span in fetched:
        assert not any(span.start < one.stop and one.start < span.stop for one in noted.spans)


# --- asked to stop ------------------------------------------------------------------


@pytest.fixture
def ordeal(service: Service, tmp_path: Path) -> Ordeal:
    service.faults = Faults(preparing=0.5, polls=3)
    return Ordeal(service, tmp_path)


MOMENTS = (
    "scene-search called",
    "download-options called",
    "download-request called",
    "download-request answered",
    "download-retrieve called",
    "*.TIF flows",
    "*.tar sent",
    "download-order-remove called",
)


def noted_status(ordeal: Ordeal) -> str:
    with closing(sqlite3.connect(ordeal.data / ".asyncdl" / "journal.sqlite")) as journal:
        return str(journal.execute("SELECT status FROM job").fetchone()[0])


async def test_a_run_that_is_asked_to_stop_tidies_up_at_any_moment(ordeal: Ordeal) -> None:
    for moment, number in zip(MOMENTS, (SIGINT, SIGTERM) * 4, strict=True):
        assert await ordeal.strike(Blow(moment, signals=(number,))) == 130, moment
        assert ordeal.report["status"] == noted_status(ordeal) == "interrupted", moment
        left = ordeal.service.cleanup_report
        assert (left.scene_lists, left.open_keys) == ((), 0), moment
    await ordeal.complete()
    assert len(ordeal.final) == FILES


async def test_a_second_signal_ends_it_at_once_and_nothing_is_lost(ordeal: Ordeal) -> None:
    ordeal.service.faults.api_latency_s = 0.2  # tidying up takes longer than the second signal
    for moment in ("download-options called", "download-request answered"):
        assert await ordeal.strike(Blow(moment, signals=(SIGINT, SIGINT))) == 130
        assert ordeal.service.calls["logout"] == 0
    ordeal.service.faults.api_latency_s = 0.0
    await ordeal.complete()
