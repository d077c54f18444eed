"""A power cut at any moment of a durable download costs no file and makes no note a lie.

Row 144 over every prefix of what was written: see :mod:`tests.power`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from asyncdl.transfer import Downloader, Fetched, FileRequest
from asyncdl.transfer.parts.part_state import decode_state
from tests.power import Tree, WriteLog, anything, everything, nothing, recording, restore
from tests.transfer.fault_server import HostedFile, serving
from tests.transfer.schedules import NAME, OLD_CONTENT, Schedule, make_schedule, play

pytestmark = [pytest.mark.slow, pytest.mark.posix("the log follows calls of POSIX")]

Bodies = Sequence[bytes]


@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**64))
@example(seed=1596)
async def test_row_144_a_power_cut_at_any_moment_costs_no_durable_file(seed: int) -> None:
    rng = Random(seed)
    schedule = make_noted(rng, durable=True)
    with tempfile.TemporaryDirectory() as directory:
        log = await record(schedule, Path(directory) / "data")
    for count, disk in enumerate(log.replay()):
        for survives in (nothing, everything, anything(rng), anything(rng)):
            check(disk.tree(survives), log.promised(count), schedule)


@settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**64))
@example(seed=1596)
@example(seed=12592)  # the .part file is removed, as it is empty, and another one gets its name
async def test_row_142_a_note_tells_the_truth_after_a_power_cut_durable_or_not(seed: int) -> None:
    rng = Random(seed)
    schedule = make_noted(rng, durable=rng.random() < 0.2)
    with tempfile.TemporaryDirectory() as directory:
        log = await record(schedule, Path(directory) / "data")
    noted = noted_bodies(schedule)
    for disk in log.replay():
        for survives in (nothing, everything, anything(rng), anything(rng)):
            tree = disk.tree(survives)
            check_note(tree, noted)


@settings(
    max_examples=10,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**64))
async def test_row_144_the_run_after_a_power_cut_ends_right(seed: int) -> None:
    rng = Random(seed)
    schedule = make_noted(rng, durable=True)
    with tempfile.TemporaryDirectory() as directory:
        log = await record(schedule, Path(directory) / "data")
        tree = log.after(rng.randint(0, len(log.steps))).tree(anything(rng))
        restore(tree, Path(directory) / "after")
        file = schedule.versions[-1]
        fetched = await fetch(schedule, file, Path(directory) / "after")
        assert fetched.path.read_bytes() == file.body


def make_noted(rng: Random, *, durable: bool) -> Schedule:
    """Return a schedule with many notes."""
    schedule = make_schedule(rng)
    checkpoint_bytes = rng.choice([1, 4096])
    limits = replace(schedule.limits, durable=durable, checkpoint_bytes=checkpoint_bytes)
    return replace(schedule, limits=limits)


async def record(schedule: Schedule, directory: Path) -> WriteLog:
    """Play a schedule and return what it wrote."""
    directory.mkdir()
    if schedule.overwrites:
        (directory / NAME).write_bytes(OLD_CONTENT)
    with recording(directory) as log, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Downloader, "fetch", promising(log))
        await play(schedule, directory)
        log.check()
    return log


def promising(log: WriteLog) -> object:
    fetch = Downloader.fetch

    async def fetch_and_promise(self: Downloader, request: FileRequest) -> Fetched:
        fetched = await fetch(self, request)
        log.promise(fetched.path.name)
        return fetched

    return fetch_and_promise


async def fetch(schedule: Schedule, file: HostedFile, directory: Path) -> Fetched:
    # This host serves at once; only a busy machine could make it miss the schedule's timeouts.
    patient = replace(
        schedule.limits, connect_timeout_s=10.0, header_timeout_s=10.0, stall_timeout_s=10.0
    )
    async with serving(file) as server, Downloader(patient) as downloader:
        url = f"{server.url}/data/file.bin"
        # What the cut has left is continued, as a job does; else no note would be put to the test.
        request = FileRequest(url, directory, NAME, overwrite=True, resume=True)
        return await downloader.fetch(request)


def noted_bodies(schedule: Schedule) -> Bodies:
    """Return what a note may be about: the first run may be for another file at the same path."""
    others = (schedule.stranger,) if schedule.stranger else ()
    return [file.body for file in (*schedule.versions, *others)]


def check(tree: Tree, promised: set[str], schedule: Schedule) -> None:
    """The final name holds one version or what it held before; the note tells the truth."""
    whole = [version.body for version in schedule.versions]
    before = OLD_CONTENT if schedule.overwrites else None
    final = tree.get(NAME)
    assert final in whole if NAME in promised else final in (*whole, before)
    check_note(tree, noted_bodies(schedule))


def check_note(tree: Tree, whole: Bodies) -> None:
    note, part = tree.get(f"{NAME}.part.state"), tree.get(f"{NAME}.part")
    state = decode_state(note) if note is not None else None
    if state is None or part is None or not state.validator.is_strong:
        return  # nobody continues it, or a digest that is known has the last word
    spans = state.done.clip(len(part)).spans
    assert any(
        all(part[s.start : s.stop] == body[s.start : s.stop] for s in spans) for body in whole
    )
