"""The one fold of a run's events: whatever their order, its totals agree, and so do all views."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.events import (
    ApiRetry,
    ConnectionsInUse,
    Event,
    FileFinished,
    FilesPreparing,
    FileState,
    FilesWanted,
    HostStrain,
    HostWait,
    JobFinished,
    JobStarted,
    QuotaLeft,
    QuotaWait,
    ScenesFound,
    ServiceBack,
    ServiceWait,
    TransferEnded,
    TransferProgress,
    TransferRetry,
    TransferStarted,
)
from asyncdl.job.reporting.report import Report
from asyncdl.metrics import Metrics
from asyncdl.progress.run_progress import RunProgress
from asyncdl.run_state import RunState
from asyncdl.run_state.messages import delays
from asyncdl.run_state.transfers import MOST_RELEASED
from asyncdl.run_state.waits import MAX_STRAINS, MAX_WAITS

CUMULATIVE = (
    ScenesFound, TransferProgress, ConnectionsInUse, FilesPreparing, QuotaLeft, HostStrain,
    ServiceWait,
)  # fmt: skip
"""Events that may come twice; each gives a whole."""
DROPPED = (TransferProgress, ConnectionsInUse)
"""Events that a slow reader may miss."""


@dataclass(frozen=True)
class Script:
    """The events of one file, in order, and what they come to."""

    events: tuple[Event, ...]
    state: FileState
    received_bytes: int
    size_bytes: int


def finished(name: str, state: FileState, size_bytes: int, received_bytes: int = 0) -> FileFinished:
    size = size_bytes if state in (FileState.DOWNLOADED, FileState.SKIPPED) else None
    return FileFinished("bands", "S", name, state, size, received_bytes)


@st.composite
def scripts(draw: st.DrawFn, name: str) -> Script:
    """Draw what happens to one file: it is fetched, skipped, fails, or is never offered."""
    state = draw(st.sampled_from(FileState))
    size_bytes = draw(st.integers(0, 1000))
    if state in (FileState.SKIPPED, FileState.UNRESOLVED):
        return Script((finished(name, state, size_bytes),), state, 0, size_bytes)
    steps = sorted(draw(st.lists(st.integers(0, size_bytes), max_size=4)))
    total = None if draw(st.booleans()) else size_bytes
    events: list[Event] = [TransferStarted(name, name, total, 0)]
    for received_bytes in steps:
        # What is on disk may fall back when a file has to begin again.
        done_bytes = draw(st.integers(0, received_bytes))
        events.append(TransferProgress(name, done_bytes, received_bytes))
        if draw(st.booleans()):
            events.append(TransferRetry(name, "stalled", "nothing came", 1.0, 1))
    is_failed = state is FileState.FAILED
    received_bytes = (steps or [0])[-1] if is_failed else size_bytes
    events.append(TransferEnded(name, "stalled" if is_failed else "", received_bytes, 1.0))
    events.append(finished(name, state, size_bytes, 0 if is_failed else received_bytes))
    return Script(tuple(events), state, received_bytes, size_bytes)


hosts, seconds = st.sampled_from("ab"), st.integers(0, 9).map(float)
others = st.one_of(
    st.builds(ConnectionsInUse, hosts, st.integers(0, 4)),
    st.builds(FilesPreparing, st.integers(0, 5), st.just("a"), seconds, seconds),
    st.builds(HostStrain, hosts, st.just("slow"), st.integers(1, 4), st.just(4)),
    st.builds(HostWait, hosts, st.just("http-429"), seconds),
    st.builds(ApiRetry, st.just("login"), st.just("HTTP 503"), seconds, st.just(1)),
    st.builds(QuotaWait, seconds),
    st.builds(QuotaLeft, st.integers(0, 9)),
    st.builds(ServiceWait, hosts, st.just("down"), seconds, seconds),
    st.builds(ServiceBack, hosts, seconds),
    st.builds(ScenesFound, st.integers(0, 9), st.none()),
)
"""What happens beside the files."""


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[Script], list[Event]]:
    """Draw files and one order of all their events in which each file's own are in order."""
    files = [draw(scripts(f"f{n}")) for n in range(draw(st.integers(0, 5)))]
    left = [list(script.events) for script in files]
    events: list[Event] = [JobStarted("data", "label"), FilesWanted(len(files), None)]
    turns = draw(st.permutations([n for n, script in enumerate(left) for _ in script]))
    for turn in turns:
        if draw(st.booleans()):
            events.append(draw(others))
        events.append(left[turn].pop(0))
    return files, events


NOT_FOLDED = {
    "ApiCalled", "CheckProgress", "FileChecked", "LinkRenewal", "Notice", "SceneSuperseded",
    "SceneWithdrawn",
}  # fmt: skip
"""Events that change no total: they are counted, listed or logged one by one."""


def test_every_event_is_folded_or_left_out_on_purpose() -> None:
    handled = {kind.__name__ for kind in RunState()._handlers}
    assert handled | NOT_FOLDED == {kind.__name__ for kind in Event.__subclasses__()}


def folded(events: Sequence[Event]) -> RunState:
    state = RunState()
    for now_s, event in enumerate(events):
        state.apply(event, float(now_s))
    return state


def facts(state: RunState) -> dict[str, Any]:
    """Return what views see of a state."""
    transfers, files, preparation = state.transfers, state.files, state.preparation
    return {
        "scenes": state.scenes,
        "quota": state.quota,
        "connections": state.connections,
        "files": (files.wanted, files.finished, files.there_bytes, files.states, files.by_kind),
        "transfers": (transfers.active, transfers.released, transfers.received_bytes),
        "done": state.done_bytes,
        "preparation": (preparation.count, preparation.prepared),
        "delays": delays(state, 1.0),
        "history": (state.waits.history, state.strains.history),
    }


@given(runs())
def test_totals_agree_with_what_happened_to_each_file(
    run: tuple[list[Script], list[Event]],
) -> None:
    files, events = run
    state = folded(events)
    there = (FileState.DOWNLOADED, FileState.SKIPPED)
    assert state.transfers.received_bytes == sum(script.received_bytes for script in files)
    assert state.done_bytes == sum(s.size_bytes for s in files if s.state in there)
    assert +Counter(state.files.states) == Counter(script.state for script in files)
    assert state.files.by_kind.get("bands", state.files.states) == state.files.states
    assert state.files.finished == state.files.wanted == state.files.total == len(files)
    assert not state.transfers.active and not state.transfers.released


@given(runs())
def test_every_file_is_under_way_or_has_its_one_ending(
    run: tuple[list[Script], list[Event]],
) -> None:
    files, events = run
    state, begun, ended = RunState(), set[str](), 0
    for event in events:
        state.apply(event, 0.0)
        match event:
            case TransferStarted():
                begun.add(event.key)
            case FileFinished():
                begun.discard(event.file)
                ended += 1
        assert state.transfers.active.keys() | state.transfers.released.keys() == begun
        assert not state.transfers.active.keys() & state.transfers.released.keys()
        assert state.files.finished == ended == sum(state.files.states.values())
        assert 0 <= state.files.missing <= ended <= len(files)


@given(runs())
def test_all_views_of_a_run_agree(run: tuple[list[Script], list[Event]]) -> None:
    _, events = run
    clock = iter(map(float, range(10**6))).__next__
    report, metrics, progress = Report(("bands",), clock), Metrics(), RunProgress(clock)
    for event in events:
        for take in (report.take, metrics.take, progress.take):
            take(event)
    summary, snapshot, state = report.summary(), metrics.snapshot(), progress.state
    received_bytes = state.transfers.received_bytes
    assert received_bytes == summary.downloaded_bytes == snapshot.total("asyncdl.received")
    assert received_bytes == sum(summary.history.timeline.received_bytes)
    assert state.files.finished == sum(summary.history.timeline.finished_files)
    assert state.done_bytes == summary.total_bytes
    assert summary.files["total"] == snapshot.total("asyncdl.file.finished")
    for ending in FileState:
        number = state.files.states[ending]
        assert number == summary.files[ending] == summary.by_kind["bands"][ending]
        assert number == snapshot.total("asyncdl.file.finished", state=ending)
    assert state.connections_in_use == snapshot.total("asyncdl.connections")
    assert state.connections_in_use <= max(summary.history.timeline.connections)
    assert len(list(state.waits.outages())) == snapshot.total("asyncdl.host.down")


@given(runs(), st.data())
def test_events_that_give_a_whole_may_come_twice(
    run: tuple[list[Script], list[Event]], data: st.DataObject
) -> None:
    _, events = run
    once, twice = RunState(), RunState()
    for now_s, event in enumerate(events):
        once.apply(event, now_s)
        twice.apply(event, now_s)
        if isinstance(event, CUMULATIVE) and data.draw(st.booleans()):
            twice.apply(event, now_s)
    assert facts(once) == facts(twice)


@given(runs(), st.data())
def test_what_a_slow_reader_misses_changes_no_total(
    run: tuple[list[Script], list[Event]], data: st.DataObject
) -> None:
    _, events = run
    kept = [one for one in events if not (isinstance(one, DROPPED) and data.draw(st.booleans()))]
    whole, part = facts(folded(events)), facts(folded(kept))
    assert [part[name] for name in ("files", "transfers", "done")] == [
        whole[name] for name in ("files", "transfers", "done")
    ]


def test_nothing_grows_with_what_is_over() -> None:
    """As in a service that is watched for months."""
    state, files = RunState(), 2 * MOST_RELEASED
    for n in range(files):
        for event in (
            TransferStarted(f"{n}", f"{n}", 1, 0),
            TransferProgress(f"{n}", 1, 1),
            TransferEnded(f"{n}", "", 1),
            ConnectionsInUse(f"host{n}", 1),
            ConnectionsInUse(f"host{n}", 0),
            HostWait(f"host{n}", "http-429", 0.1),
            HostStrain(f"host{n}", "slow", 1, 4),
            HostStrain(f"host{n}", "slow", 4, 4),
            ServiceWait(f"host{n}", "down", 0, 1),
            ServiceBack(f"host{n}", 1),
        ):
            state.apply(event, float(n))
    assert len(state.transfers.released) == MOST_RELEASED
    assert state.done_bytes == state.transfers.received_bytes == files
    assert not (state.connections or state.strains.current or state.transfers.active)
    assert len(state.waits._current) <= 3
    assert (len(state.waits.history), len(state.strains.history)) == (MAX_WAITS, MAX_STRAINS)


def test_a_key_that_is_fetched_again_is_another_transfer() -> None:
    once = [TransferStarted("a", "a", 9, 0), TransferProgress("a", 9, 9), TransferEnded("a", "", 9)]
    state = folded([*once, *once])
    assert state.transfers.received_bytes == 18
    assert state.done_bytes == 9


def test_interrupted_files_are_those_without_an_ending() -> None:
    state = folded([TransferEnded(name, "interrupted", 1) for name in "abc"])
    assert state.transfers.interrupted == 3
    state.apply(finished("b", FileState.FAILED, 0), 9.0)
    assert state.transfers.interrupted == 2


def test_a_job_has_a_beginning_and_an_end() -> None:
    state = folded([JobStarted("data", "label"), JobFinished("complete")])
    assert (state.started_s, state.status) == (0.0, "complete")
    state.apply(JobStarted("data", "label"), 7.0)
    assert (state.started_s, state.status) == (7.0, "")


# --- delays --------------------------------------------------------------


def test_a_wait_that_goes_on_is_one_and_ends_when_it_is_over() -> None:
    state = RunState()
    for now_s, event in (
        (10.0, ServiceWait("m2m", "HTTP 503", 5.0, 30.0)),
        (25.0, QuotaWait(60.0)),
        (40.0, ServiceWait("m2m", "HTTP 502", 35.0, 30.0)),
    ):
        state.apply(event, now_s)
    [outage] = state.waits.outages()
    assert (outage.reason, outage.since_s, outage.start_s, outage.end_s) == ("HTTP 502", 5, 10, 70)
    state.apply(ServiceBack("m2m", 45.0), 50.0)
    state.apply(ServiceWait("m2m", "HTTP 503", 0.0, 30.0), 90.0)
    assert [(wait.what, wait.start_s, wait.end_s) for wait in state.waits.history] == [
        ("m2m is down", 10.0, 50.0),
        ("download quota used up", 25.0, 85.0),
        ("m2m is down", 90.0, 120.0),
    ]


def test_every_delay_is_explained() -> None:
    state = RunState()
    for event in (
        ServiceWait("m2m", "HTTP 503", 60.0, 30.0),
        HostStrain("files", "http-429", 4, 16),
        HostWait("files", "http-429", 20.0),
        ApiRetry("login", "HTTP 503", 5.0, 1),
        QuotaWait(900.0),
    ):
        state.apply(event, 100.0)
    assert delays(state, 110.0) == [
        "m2m is down for 1:10: HTTP 503; next try in 0:20",
        "files gets 4 of 16 connections for 0:10: http-429",
        "waiting: backoff for files: http-429 (0:10)",
        "waiting: download quota used up (14:50)",
    ]


# --- what is prepared --------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "now_s", "left_s"),
    [
        ([], 9.0, 0.0),
        ([(0.0, 3)], 9.0, None),
        ([(0.0, 3), (10.0, 2)], 10.0, 20.0),
        ([(0.0, 3), (10.0, 2)], 14.0, 16.0),
        ([(0.0, 3), (10.0, 0), (100.0, 1)], 100.0, 10 / 3),
        ([(0.0, 3), (10.0, 0)], 11.0, 0.0),
        ([(0.0, 3), (10.0, 2)], 99.0, 0.0),
    ],
)
def test_the_rest_of_a_preparation_takes_as_long_as_what_is_prepared(
    counts: list[tuple[float, int]], now_s: float, left_s: float | None
) -> None:
    state = RunState()
    for at_s, count in counts:
        state.apply(FilesPreparing(count), at_s)
    assert state.preparation.remaining_s(now_s) == (left_s and pytest.approx(left_s))
