"""What one stream of events measures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from msgspec import Struct

from asyncdl.events import (
    ApiCalled,
    ApiRetry,
    ConnectionsInUse,
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
    ScenesFound,
    SceneSuperseded,
    SceneWithdrawn,
    ServiceBack,
    ServiceWait,
    TransferEnded,
    TransferProgress,
    TransferRetry,
    TransferStarted,
)
from asyncdl.metrics import instruments as the
from asyncdl.metrics.instruments import Instrument


class Measurement(Struct, frozen=True):
    """One number for one instrument."""

    instrument: Instrument
    value: float
    """What to add to a counter or a level, to set a gauge to, or to put into a histogram."""
    values: tuple[str, ...] = ()
    """Of the instrument's attributes, in their order; empty ones do not apply."""


class MetricReader:
    """Follows the events of one run after the other, and says what they measure.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began_at_s: float | None = None
        self._scenes = 0
        self._active: set[str] = set()
        self._received: dict[str, int] = {}
        self._levels: dict[tuple[Instrument, tuple[str, ...]], float] = {}

    def read(self, event: Event) -> Iterator[Measurement]:
        """Yield what an event measures; nothing for those that measure nothing."""
        yield from self._of_the_engine(event)
        yield from self._of_services(event)
        yield from self._of_files(event)
        yield from self._of_the_job(event)

    def _of_the_engine(self, event: Event) -> Iterator[Measurement]:
        match event:
            case TransferStarted(key=key):
                self._active.add(key)
                yield from self._level(the.FILE_ACTIVE, len(self._active))
            case TransferProgress(key=key, received_bytes=received_bytes):
                yield from self._receive(key, received_bytes)
            case TransferRetry(reason=reason):
                yield Measurement(the.FILE_RETRIES, 1, (reason,))
            case LinkRenewal():
                yield Measurement(the.FILE_RENEWALS, 1)
            case TransferEnded(key=key):
                yield from self._receive(key, event.received_bytes)
                self._received.pop(key, None)
                self._active.discard(key)
                yield from self._level(the.FILE_ACTIVE, len(self._active))
                yield Measurement(the.FILE_DURATION, event.elapsed_s, (event.reason,))
            case ConnectionsInUse(host=host, count=count):
                yield from self._level(the.CONNECTIONS, count, host)

    def _of_services(self, event: Event) -> Iterator[Measurement]:
        match event:
            case HostWait(host=host):
                yield Measurement(the.HOST_RESTS, 1, (host,))
            case HostStrain(host=host, reason=reason):
                yield Measurement(the.HOST_STRAINS, 1, (host, reason))
            case ServiceWait(service=host):
                yield from self._level(the.HOST_DOWN, 1, host)
            case ServiceBack(service=host, after_s=after_s):
                yield from self._level(the.HOST_DOWN, 0, host)
                yield Measurement(the.HOST_OUTAGES, after_s, (host,))
            case ApiCalled(endpoint=endpoint):
                yield Measurement(
                    the.API_DURATION, event.elapsed_s, (endpoint, event.error_code or "")
                )
            case ApiRetry(endpoint=endpoint):
                yield Measurement(the.API_RETRIES, 1, (endpoint,))
            case QuotaLeft(downloads=downloads):
                yield Measurement(the.QUOTA_LEFT, downloads)
            case QuotaWait():
                yield Measurement(the.QUOTA_WAITS, 1)

    def _of_files(self, event: Event) -> Iterator[Measurement]:
        match event:
            case FilesWanted(count=count):
                yield Measurement(the.FILE_WANTED, count)
            case FilesPreparing(count=count):
                yield from self._level(the.FILE_PREPARING, count)
            case FileFinished(kind=kind, state=state, reason=reason):
                yield Measurement(the.FILE_FINISHED, 1, (kind, state.value, reason))
                if state is FileState.DOWNLOADED and event.size_bytes is not None:
                    yield Measurement(the.FILE_SIZE, event.size_bytes, (kind,))
            case FileChecked(reason=reason):
                yield Measurement(the.FILE_CHECKED, 1, (reason,))

    def _of_the_job(self, event: Event) -> Iterator[Measurement]:
        match event:
            case JobStarted():
                self._began_at_s, self._scenes = self._clock(), 0
                yield from self._level(the.JOB_RUNNING, 1)
            case ScenesFound(found=found):
                more, self._scenes = found - self._scenes, found
                yield Measurement(the.SCENE_FOUND, max(0, more))
            case SceneSuperseded():
                yield Measurement(the.SCENE_SUPERSEDED, 1)
            case SceneWithdrawn():
                yield Measurement(the.SCENE_WITHDRAWN, 1)
            case JobFinished(status=status):
                yield Measurement(the.JOB_FINISHED, 1, (status,))
                if self._began_at_s is not None:
                    elapsed_s = self._clock() - self._began_at_s
                    yield Measurement(the.JOB_DURATION, elapsed_s, (status,))
                yield from self._end()

    def _receive(self, key: str, received_bytes: int) -> Iterator[Measurement]:
        """Count what came for a file; told are all its bytes so far."""
        more_bytes = received_bytes - self._received.get(key, 0)
        if more_bytes > 0:
            self._received[key] = received_bytes
            yield Measurement(the.RECEIVED, more_bytes)

    def _level(self, instrument: Instrument, level: float, *values: str) -> Iterator[Measurement]:
        """Bring a level to where this run has it, whatever other runs add to it."""
        change = level - self._levels.pop((instrument, values), 0)
        if level:
            self._levels[instrument, values] = level
        if change:
            yield Measurement(instrument, change, values)

    def _end(self) -> Iterator[Measurement]:
        """Take back what a run that is over no longer holds."""
        for instrument, values in list(self._levels):
            yield from self._level(instrument, 0, *values)
        self._active.clear()
        self._began_at_s, self._scenes = None, 0
