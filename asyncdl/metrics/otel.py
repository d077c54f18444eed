"""The same measurements for OpenTelemetry, with the extra ``[otel]``.

::

    from opentelemetry.metrics import get_meter_provider
    from asyncdl.metrics.otel import OpenTelemetry

    telemetry = OpenTelemetry(get_meter_provider())
    await asyncdl.Job(config).run(telemetry.take)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from asyncdl.metrics.instruments import INSTRUMENTS, Instrument, Kind
from asyncdl.metrics.measuring import Measurement, Watcher
from asyncdl.version import __version__

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter, MeterProvider

_Record: TypeAlias = Callable[[float, Mapping[str, str]], None]


class OpenTelemetry(Watcher):
    """Passes what events measure to OpenTelemetry.

    :meth:`take` and :meth:`watch` are as those of :class:`asyncdl.metrics.Metrics`.

    Args:
        provider: Its meter ``asyncdl`` takes the measurements. No global state is touched; for
            the global provider pass ``get_meter_provider()``.
    """

    def __init__(self, provider: MeterProvider) -> None:
        super().__init__()
        meter = provider.get_meter("asyncdl", __version__)
        self._records = {one: _record_of(meter, one) for one in INSTRUMENTS}

    def _keep(self, measured: Measurement) -> None:
        named = zip(measured.instrument.attributes, measured.values, strict=True)
        attributes = {name: text for name, text in named if text}
        self._records[measured.instrument](measured.value, attributes)


def _record_of(meter: Meter, instrument: Instrument) -> _Record:
    """Return what records a number, with attributes, for an instrument."""
    about = instrument.name, instrument.unit, instrument.description
    match instrument.kind:
        case Kind.COUNTER:
            return meter.create_counter(*about).add
        case Kind.LEVEL:
            return meter.create_up_down_counter(*about).add
        case Kind.GAUGE:
            return meter.create_gauge(*about).set
        case Kind.HISTOGRAM:
            return meter.create_histogram(
                *about, explicit_bucket_boundaries_advisory=instrument.buckets
            ).record
