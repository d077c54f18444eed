"""From events to measurements, for whoever keeps them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from threading import Lock

from asyncdl.events import Emit, Event
from asyncdl.metrics.instruments import Instrument
from asyncdl.metrics.reading import Measurement, MetricReader

MAX_SERIES = 200
"""Sets of attribute values that an instrument tells apart; the rest is counted as one."""
OTHER = "other"
"""What their attributes are called."""


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
        # Held for as long as a few numbers are added: nobody waits here for anything.
        with self._lock:
            for told in reader.read(event):
                values = self._bounded(told.instrument, told.values)
                self._keep(Measurement(told.instrument, told.value, values))

    def _bounded(self, instrument: Instrument, values: tuple[str, ...]) -> tuple[str, ...]:
        """Return the values, or others in their place: codes and hosts come from outside."""
        known = self._series.setdefault(instrument, set())
        if values in known:
            return values
        if len(known) >= MAX_SERIES:
            return (OTHER,) * len(values)
        known.add(values)
        return values

    @abstractmethod
    def _keep(self, told: Measurement) -> None:
        """Keep one measurement; called under the lock."""
