"""What events measure, and how it is added up."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from asyncdl import events
from asyncdl.events import (
    ApiCalled,
    ConnectionsInUse,
    Event,
    FileFinished,
    FilesPreparing,
    FileState,
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
from asyncdl.metrics import INSTRUMENTS, Distribution, Kind, Metrics, Snapshot
from asyncdl.metrics.instruments import API_DURATION
from asyncdl.metrics.measuring import MAX_SERIES, MetricReader

NOT_MEASURED = {"Notice", "CheckProgress", "WorkerJoined", "WorkerLeft", "WorkerActivity"}
"""Words for people, what :class:`FileChecked` says in the end, and what a cluster measures itself:
workers come and go under ever new names."""


def after(*run: Event) -> Snapshot:
    metrics = Metrics()
    for event in run:
        metrics.take(event)
    return metrics.snapshot()


def example_of(kind: type[Event]) -> Event:
    """Return any event of a kind, with nothing empty that matters."""
    plain: dict[Any, Any] = {"str": "a", "int": 1, "float": 1.0, "bool": True}
    given: dict[str, Any] = {
        field.name: plain.get(getattr(field.type, "__name__", ""), 1)
        for field in msgspec.structs.fields(kind)
        if field.required
    }
    if kind is FileFinished:
        given["state"] = FileState.FAILED
    return kind(**given)


@pytest.mark.parametrize("kind", Event.__subclasses__(), ids=lambda kind: kind.__name__)
def test_every_event_is_measured_or_left_out_on_purpose(kind: type[Event]) -> None:
    measured = list(MetricReader().read(example_of(kind)))
    assert bool(measured) is (kind.__name__ not in NOT_MEASURED)


def test_the_names_left_out_are_events() -> None:
    assert vars(events).keys() >= NOT_MEASURED


def test_bytes_are_counted_once_whatever_became_of_them() -> None:
    snapshot = after(
        TransferProgress("a", 10, 10),
        TransferProgress("b", 5, 5),
        TransferProgress("a", 0, 30),
        TransferEnded("a", "http-404", 37),
        TransferProgress("a", 2, 2),  # the next run of the same file
    )
    assert snapshot.total("asyncdl.received") == 37 + 5 + 2


def test_files_are_told_apart_by_kind_state_and_reason() -> None:
    snapshot = after(
        FileFinished("bands", "p", "f", FileState.DOWNLOADED, 7_000),
        FileFinished("bands", "p", "g", FileState.FAILED, reason="http-404"),
        FileFinished("bundle", "p", "h", FileState.SKIPPED, 9_000),
    )
    name = "asyncdl.file.finished"
    assert snapshot.total(name) == 3
    assert snapshot.total(name, state="failed", reason="http-404") == 1
    assert snapshot.total(name, kind="bands") == 2
    assert snapshot.total("asyncdl.file.size") == 7_000


def test_a_histogram_counts_what_is_no_larger_than_each_bound() -> None:
    snapshot = after(*(ApiCalled("login", s, None) for s in (0.1, 0.11, 3.0, 1000.0)))
    [family] = [one for one in snapshot.families if one.instrument is API_DURATION]
    [point] = family.points
    assert point.attributes == {"endpoint": "login"}
    assert isinstance(point.value, Distribution)
    assert point.value.buckets == (1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 4)
    assert point.value.count == 4
    assert point.value.sum == pytest.approx(1003.21)


def test_levels_add_up_over_runs_that_go_on_at_the_same_time() -> None:
    metrics = Metrics()
    one, other = metrics.watch(), metrics.watch()
    for emit, count in ((one, 3), (other, 2), (one, 1)):
        emit(ConnectionsInUse("host", count))
    assert metrics.snapshot().total("asyncdl.connections", host="host") == 1 + 2


def test_the_same_key_in_two_runs_is_two_files() -> None:
    metrics = Metrics()
    for emit in (metrics.watch(), metrics.watch()):
        emit(TransferProgress("a", 10, 10))
    assert metrics.snapshot().total("asyncdl.received") == 20


def test_a_run_that_is_over_holds_nothing_any_more() -> None:
    snapshot = after(
        JobStarted("data", "label"),
        FilesPreparing(3),
        ServiceWait("host", "HTTP 503", 1.0, 1.0),
        ConnectionsInUse("host", 2),
        TransferStarted("a", "a", None, 0),
        JobFinished("interrupted"),
    )
    levels = [one.name for one in INSTRUMENTS if one.kind is Kind.LEVEL]
    assert [snapshot.total(name) for name in levels] == [0] * len(levels)
    assert snapshot.total("asyncdl.job.finished", state="interrupted") == 1


def test_each_run_finds_its_scenes_anew() -> None:
    run = (JobStarted("", ""), ScenesFound(2, 9), ScenesFound(5, 9), JobFinished("complete"))
    assert after(*run, *run).total("asyncdl.scene.found") == 10


def test_the_time_of_a_job_is_that_between_its_first_and_last_event() -> None:
    reader = MetricReader(iter([100.0, 160.0]).__next__)
    list(reader.read(JobStarted("", "")))
    measured = {one.instrument.name: one for one in reader.read(JobFinished("complete"))}
    assert measured["asyncdl.job.duration"].value == 60


def test_a_host_is_down_until_it_is_back() -> None:
    down = (ServiceWait("host", "HTTP 503", 1.0, 1.0), ServiceWait("host", "HTTP 503", 9.0, 1.0))
    assert after(*down).total("asyncdl.host.down") == 1
    back = after(*down, ServiceBack("host", 12.0))
    assert back.total("asyncdl.host.down") == 0
    assert back.total("asyncdl.host.outage.duration", host="host") == 12


def test_the_quota_is_the_last_that_was_told() -> None:
    assert after(QuotaLeft(900), QuotaLeft(300)).total("asyncdl.quota.left") == 300


def test_counters_without_attributes_are_there_from_the_beginning() -> None:
    """Prometheus sees no rise of a counter that appears with its first number."""
    names = {family.instrument.name for family in after().families}
    assert "asyncdl.received" in names
    assert "asyncdl.quota.left" not in names


def test_no_flood_of_names_from_outside_fills_the_memory() -> None:
    flood = after(*(ApiCalled("search", 1.0, f"CODE_{n}") for n in range(MAX_SERIES * 2)))
    [family] = [one for one in flood.families if one.instrument is API_DURATION]
    assert len(family.points) == MAX_SERIES + 1
    assert flood.total("asyncdl.api.duration", endpoint="other") == MAX_SERIES


def test_a_snapshot_does_not_change_and_is_plain_data() -> None:
    metrics = Metrics()
    metrics.take(ConnectionsInUse("host", 2))
    snapshot = metrics.snapshot()
    metrics.take(ConnectionsInUse("host", 5))
    assert snapshot.total("asyncdl.connections") == 2
    plain = msgspec.to_builtins(snapshot)
    assert {"attributes": {"host": "host"}, "value": 2} in plain["families"][1]["points"]


@pytest.mark.slow
def test_threads_lose_no_count_and_disturb_nobody_who_looks() -> None:
    """As when several ``sync.Job`` share one, and a page is read meanwhile."""
    metrics, codes, workers = Metrics(), 80, 4

    def count(worker: int) -> None:
        emit = metrics.watch()
        for n in range(codes):
            emit(ApiCalled("search", 1.0, f"{worker}-{n % 20}"))
            metrics.snapshot()

    switching_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # a thread in the middle of everything
    try:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(count, range(workers)))
    finally:
        sys.setswitchinterval(switching_s)
    assert metrics.snapshot().total("asyncdl.api.duration") == codes * workers


@pytest.mark.parametrize("emitter", [lambda m: m.take, lambda m: m.watch()], ids=["take", "watch"])
def test_no_name_of_a_file_and_no_id_is_measured(
    emitter: Callable[[Metrics], events.Emit],
) -> None:
    metrics = Metrics()
    for event in (
        TransferStarted("secret", "secret", 1, 0),
        TransferEnded("secret", "", 1),
        FileFinished("bands", "secret", "secret", FileState.DOWNLOADED, detail="secret"),
        JobStarted("secret", "secret"),
    ):
        emitter(metrics)(event)
    assert "secret" not in repr(metrics.snapshot())
