"""Measurements added up in memory."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate

from asyncdl.metrics.instruments import INSTRUMENTS, Instrument, Kind
from asyncdl.metrics.measuring import Measurement, Watcher
from asyncdl.metrics.prometheus import text_of
from asyncdl.metrics.snapshot import Distribution, Family, Point, Snapshot


@dataclass(slots=True)
class _Histogram:
    """How many values are between two bounds, and their sum."""

    counts: list[int]
    sum: float = 0.0

    def put(self, value: float, bounds: tuple[float, ...]) -> None:
        self.counts[bisect_left(bounds, value)] += 1
        self.sum += value

    def distribution(self) -> Distribution:
        return Distribution(sum(self.counts), self.sum, tuple(accumulate(self.counts)))


@dataclass(slots=True)
class _Sums:
    """The numbers of one instrument, by the values of its attributes."""

    instrument: Instrument
    numbers: dict[tuple[str, ...], float] = field(default_factory=dict)
    histograms: dict[tuple[str, ...], _Histogram] = field(default_factory=dict)

    def keep(self, measured: Measurement) -> None:
        match self.instrument.kind:
            case Kind.HISTOGRAM:
                bounds = self.instrument.buckets
                empty = _Histogram([0] * (len(bounds) + 1))
                self.histograms.setdefault(measured.values, empty).put(measured.value, bounds)
            case Kind.GAUGE:
                self.numbers[measured.values] = measured.value
            case _:
                self.numbers[measured.values] = (
                    self.numbers.get(measured.values, 0) + measured.value
                )

    def family(self) -> Family:
        numbers = [self._point(*item) for item in self.numbers.items()]
        spread = [
            self._point(values, one.distribution()) for values, one in self.histograms.items()
        ]
        return Family(self.instrument, (*numbers, *spread))

    def _point(self, values: tuple[str, ...], value: float | Distribution) -> Point:
        named = zip(self.instrument.attributes, values, strict=True)
        return Point({name: text for name, text in named if text}, value)


class Metrics(Watcher):
    """Counts the events of jobs and downloads; any number of these may exist.

    :meth:`take` is an ``Emit``, for :meth:`asyncdl.Job.run`, for ``emit`` of
    ``M2MClient`` and ``Downloader``, or called with each event of a watched job. Runs
    that go on at the same time each get one of their own by :meth:`watch`. All may be
    called from any thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sums = {instrument: _Sums(instrument) for instrument in INSTRUMENTS}
        for instrument, sums in self._sums.items():
            # A counter that appears with its first number is not seen to rise.
            if instrument.kind in (Kind.COUNTER, Kind.LEVEL) and not instrument.attributes:
                sums.numbers[()] = 0

    def _keep(self, measured: Measurement) -> None:
        self._sums[measured.instrument].keep(measured)

    def snapshot(self) -> Snapshot:
        """Return all that has been measured so far; it does not change later."""
        with self._lock:
            families = [sums.family() for sums in self._sums.values()]
        return Snapshot(tuple(family for family in families if family.points))

    def prometheus(self) -> str:
        """Return it in the text format that Prometheus reads; see ``CONTENT_TYPE``.

        Names and units are those that OpenTelemetry's exporters give, so
        ``asyncdl.file.duration`` is ``asyncdl_file_duration_seconds``. A program that has a
        registry of its own registers :class:`asyncdl.metrics.prometheus.MetricsCollector`.

        Raises: MisuseError, without the extra ``[prometheus]``.
        Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4)
        """
        return text_of(self)
