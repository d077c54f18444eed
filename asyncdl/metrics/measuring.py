"""Measurements made from events and from the state of each run."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, TypeAlias

from msgspec import Struct

from asyncdl.events import (
    ApiCalled,
    ApiRetry,
    ConnectionsInUse,
    Emit,
    Event,
    FileChecked,
    FileFinished,
    FilesPreparing,
    FileState,
    FilesWanted,
    HostStrain,
    HostWait,
    JobFinished,
    JobStarted,
    LinkRenewal,
    QuotaLeft,
    QuotaWait,
    SceneSuperseded,
    SceneWithdrawn,
    ServiceBack,
    ServiceWait,
    TransferEnded,
    TransferProgress,
    TransferRetry,
    TransferStarted,
)
from asyncdl.metrics import instruments
from asyncdl.metrics.instruments import Instrument
from asyncdl.run_state import RunState

MAX_SERIES = 200
"""Sets of attribute values that an instrument keeps apart; all others are counted together."""
OTHER = "other"
"""Their attribute values."""


class Measurement(Struct, frozen=True):
    """One number for one instrument."""

    instrument: Instrument
    value: float
    """What to add to a counter or a level, to set a gauge to, or to put into a histogram."""
    values: tuple[str, ...] = ()
    """Of the instrument's attributes, in their order; empty ones do not apply."""


Level: TypeAlias = tuple[Instrument, tuple[str, ...], float]
"""A level of a run at the moment: instrument, values of its attributes, number."""


class MetricReader:
    """Follows the events of one run after the other, and gives what they measure.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._state = RunState()

    def read(self, event: Event) -> Iterator[Measurement]:
        """Yield what an event measures; may be nothing."""
        now_s = self._clock()
        if isinstance(event, JobStarted):
            yield from self._forget()
        state = self._state
        before, received_bytes, scenes = level_of(event, state), state.received_bytes, state.scenes
        state.apply(event, now_s)
        yield from _change(before, level_of(event, state))
        if more_bytes := state.received_bytes - received_bytes:
            yield Measurement(instruments.RECEIVED, more_bytes)
        if (more_scenes := state.scenes - scenes) > 0:
            yield Measurement(instruments.SCENE_FOUND, more_scenes)
        if count := _COUNTS.get(type(event)):
            yield from count(event)
        if isinstance(event, JobFinished):
            if state.started_s is not None:
                elapsed_s = now_s - state.started_s
                yield Measurement(instruments.JOB_DURATION, elapsed_s, (event.status,))
            yield from self._forget()

    def _forget(self) -> Iterator[Measurement]:
        """Return all levels of a run that is over to zero."""
        for instrument, values, level in levels_of(self._state):
            if level:
                yield Measurement(instrument, -level, values)
        self._state = RunState()


def level_of(event: Event, state: RunState) -> Level | None:
    """Return the one level of a run that an event may change; ``None`` if it changes none."""
    find = _LEVELS.get(type(event))
    return find(event, state) if find else None


def _change(before: Level | None, after: Level | None) -> Iterator[Measurement]:
    """Yield the change of a level; levels of several runs add up."""
    if before and after and before != after:
        instrument, values, level = after
        yield Measurement(instrument, level - before[2], values)


def levels_of(state: RunState) -> Iterator[Level]:
    """Yield all levels of a run."""
    yield _active(None, state)
    yield _preparing(None, state)
    yield _running(None, state)
    for host in state.connections:
        yield _connections(host, state)
    for outage in state.waits.outages():
        yield _down(outage.where, state)


def _active(_: object, state: RunState) -> Level:
    return instruments.FILE_ACTIVE, (), len(state.transfers.active)


def _preparing(_: object, state: RunState) -> Level:
    return instruments.FILE_PREPARING, (), state.preparation.count


def _running(_: object, state: RunState) -> Level:
    return instruments.JOB_RUNNING, (), int(state.started_s is not None)


def _connections(host: str, state: RunState) -> Level:
    return instruments.CONNECTIONS, (host,), state.connections.get(host, 0)


def _down(host: str, state: RunState) -> Level:
    is_down = any(outage.where == host for outage in state.waits.outages())
    return instruments.HOST_DOWN, (host,), int(is_down)


_LEVELS: dict[type[Event], Callable[[Any, RunState], Level]] = {
    TransferStarted: _active,
    TransferProgress: _active,
    TransferEnded: _active,
    FileFinished: _active,
    FilesPreparing: _preparing,
    JobStarted: _running,
    ConnectionsInUse: lambda event, state: _connections(event.host, state),
    ServiceWait: lambda event, state: _down(event.service, state),
    ServiceBack: lambda event, state: _down(event.service, state),
}
"""Which level each event may change."""


def _one(instrument: Instrument, *attributes: str) -> Callable[[Event], Iterator[Measurement]]:
    """Return what counts an event as one, by these attributes of it."""

    def count(event: Event) -> Iterator[Measurement]:
        yield Measurement(instrument, 1, tuple(getattr(event, name) for name in attributes))

    return count


def _finish(event: FileFinished) -> Iterator[Measurement]:
    values = (event.kind, event.state.value, event.reason)
    yield Measurement(instruments.FILE_FINISHED, 1, values)
    if event.state is FileState.DOWNLOADED and event.size_bytes is not None:
        yield Measurement(instruments.FILE_SIZE, event.size_bytes, (event.kind,))


def _end(event: TransferEnded) -> Iterator[Measurement]:
    yield Measurement(instruments.FILE_DURATION, event.elapsed_s, (event.reason,))


def _call(event: ApiCalled) -> Iterator[Measurement]:
    values = (event.endpoint, event.error_code or "")
    yield Measurement(instruments.API_DURATION, event.elapsed_s, values)


def _want(event: FilesWanted) -> Iterator[Measurement]:
    yield Measurement(instruments.FILE_WANTED, event.count)


def _come_back(event: ServiceBack) -> Iterator[Measurement]:
    yield Measurement(instruments.HOST_OUTAGES, event.after_s, (event.service,))


def _note_quota(event: QuotaLeft) -> Iterator[Measurement]:
    yield Measurement(instruments.QUOTA_LEFT, event.downloads)


_COUNTS: dict[type[Event], Callable[[Any], Iterator[Measurement]]] = {
    FileFinished: _finish,
    TransferEnded: _end,
    ApiCalled: _call,
    FilesWanted: _want,
    ServiceBack: _come_back,
    QuotaLeft: _note_quota,
    TransferRetry: _one(instruments.FILE_RETRIES, "reason"),
    LinkRenewal: _one(instruments.FILE_RENEWALS),
    FileChecked: _one(instruments.FILE_CHECKED, "reason"),
    HostWait: _one(instruments.HOST_RESTS, "host"),
    HostStrain: _one(instruments.HOST_STRAINS, "host", "reason"),
    ApiRetry: _one(instruments.API_RETRIES, "endpoint"),
    QuotaWait: _one(instruments.QUOTA_WAITS),
    SceneSuperseded: _one(instruments.SCENE_SUPERSEDED),
    SceneWithdrawn: _one(instruments.SCENE_WITHDRAWN),
    JobFinished: _one(instruments.JOB_FINISHED, "status"),
}
"""What each event measures by itself."""


class Watcher(ABC):
    """Takes events and keeps what they measure; may be shared by threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._reader = MetricReader()
        self._series: dict[Instrument, set[tuple[str, ...]]] = {}

    def take(self, event: Event) -> None:
        """Take an event of a run, or of one run after the other; an ``Emit``."""
        self._read(self._reader, event)

    def watch(self) -> Emit:
        """Return an ``Emit`` for one run among several that go on at the same time."""
        reader = MetricReader()

        def emit(event: Event) -> None:
            self._read(reader, event)

        return emit

    def _read(self, reader: MetricReader, event: Event) -> None:
        # Held only while a few numbers are added.
        with self._lock:
            for measured in reader.read(event):
                values = self._bounded(measured.instrument, measured.values)
                self._keep(Measurement(measured.instrument, measured.value, values))

    def _bounded(self, instrument: Instrument, values: tuple[str, ...]) -> tuple[str, ...]:
        """Return the values, or ``other`` after too many: codes and hosts come from outside."""
        known = self._series.setdefault(instrument, set())
        if values in known:
            return values
        if len(known) >= MAX_SERIES:
            return (OTHER,) * len(values)
        known.add(values)
        return values

    @abstractmethod
    def _keep(self, measured: Measurement) -> None:
        """Keep one measurement; called under the lock."""
