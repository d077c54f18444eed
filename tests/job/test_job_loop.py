"""A job of many files leaves the loop to others: nothing that takes long runs on it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

import asyncdl
from asyncdl.background import FILES_PER_TURN
from asyncdl.events import Event, FileFinished, FileState, FilesWanted
from asyncdl.job.choosing import scenes
from asyncdl.job.places.layout import Layout
from asyncdl.job.stages import discovery, existing_files, requesting
from asyncdl.m2m import m2m_client
from asyncdl.m2m.calling import calls
from asyncdl.m2m.downloads.selection import FileSelection
from asyncdl.m2m.searching import scene_search
from tests.job.bench import GROUP, RED, Bench

SCENES = 120
"""More than are done on the spot."""
LONG = {
    "a reply is parsed": (calls, "read_envelope"),
    "its data is read": (m2m_client, "_read"),
    "a page is counted": (scene_search._SearchProgress, "add"),
    "scenes are told": (scenes, "_as_found"),
    "scenes are compared": (scenes, "_newly_found"),
    "files are counted": (discovery, "_wanted"),
    "files are looked for": (existing_files, "missing_from"),
    "requests are matched": (requesting, "match_reply"),
}
BY_TURNS: dict[str, tuple[Any, str, int]] = {
    "files are chosen": (FileSelection, "add", 1),
    "files are placed": (Layout, "without_duplicates", FILES_PER_TURN),
}
"""Work on each scene or file of a batch, and how often it may be done between two turns."""


@pytest.fixture
async def many(tmp_path: Path) -> AsyncIterator[Bench]:
    async with asyncdl.sandbox.serve(generated=SCENES, raster_pixels=8) as service:
        yield Bench(service, tmp_path / "data")


def search_of_all() -> dict[str, Any]:
    return {"dataset": "landsat_ot_c2_l2", "limit": SCENES}


class Threads:
    """Notes for each of the long functions whether it ever left the loop's thread."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = threading.get_ident()
        self.elsewhere: set[str] = set()
        for what, (home, name) in LONG.items():
            monkeypatch.setattr(home, name, self._noting(what, getattr(home, name)))

    def _noting(self, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self.loop:
                self.elsewhere.add(what)
            return call(*args, **kwargs)

        return noted


class Turns:
    """Counts the turns of the loop, and what is done in each."""

    def __init__(self) -> None:
        self._turn = 0
        self._done: Counter[tuple[str, int]] = Counter()

    async def count(self) -> None:
        while True:
            await checkpoint()
            self._turn += 1

    def note(self, what: str) -> None:
        self._done[what, self._turn] += 1

    def noting(self, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*args: Any, **kwargs: Any) -> Any:
            self.note(what)
            return call(*args, **kwargs)

        return noted

    @property
    def longest(self) -> dict[str, int]:
        """How often each thing was done between two turns, at most."""
        found: dict[str, int] = {}
        for (what, _), times in self._done.items():
            found[what] = max(found.get(what, 0), times)
        return found


async def test_others_have_their_turn_between_the_files_of_a_list(
    many: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = Turns()
    for what, (home, name, _) in BY_TURNS.items():
        monkeypatch.setattr(home, name, turns.noting(what, getattr(home, name)))
    async with anyio.create_task_group() as tasks:

        def watch(event: Event) -> None:
            if isinstance(event, FilesWanted):
                assert event.count >= SCENES
                tasks.cancel_scope.cancel()  # fetching them would show nothing more

        tasks.start_soon(turns.count)
        await many.job(GROUP, search=search_of_all()).run(watch)
    longest = turns.longest
    assert longest.keys() == BY_TURNS.keys()
    for what, (_, _, most) in BY_TURNS.items():
        assert longest[what] <= most, what


async def test_what_takes_long_is_done_beside_the_loop(
    many: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = Threads(monkeypatch)
    summary = await many.run(RED, search=search_of_all())
    assert summary.is_complete and summary.files["total"] == SCENES
    assert threads.elsewhere == LONG.keys()

    turns, at_each = 0, list[int]()

    async def ticker() -> None:
        nonlocal turns
        while True:
            await checkpoint()
            turns += 1

    def watch(event: Event) -> None:
        if isinstance(event, FileFinished) and event.state is FileState.SKIPPED:
            at_each.append(turns)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ticker)
        await many.job(RED, search=search_of_all()).run(watch)
        tasks.cancel_scope.cancel()
    assert len(at_each) == len(set(at_each)) == SCENES  # others had a turn between any two
