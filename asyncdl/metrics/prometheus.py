"""The same measurements for Prometheus, with the extra ``[prometheus]``.

A program that has a registry of prometheus-client registers them there::

    from prometheus_client import REGISTRY
    from asyncdl.metrics.prometheus import MetricsCollector

    metrics = asyncdl.metrics.Metrics()
    REGISTRY.register(MetricsCollector(metrics))
    await asyncdl.Job(config).run(metrics.take)

Source: for the names,
https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from asyncdl.errors import MisuseError
from asyncdl.extras import installing
from asyncdl.metrics.instruments import INSTRUMENTS, Instrument, Kind
from asyncdl.metrics.snapshot import Distribution, Family, Snapshot

if TYPE_CHECKING:
    from prometheus_client import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of this text."""

_UNITS = {"s": "_seconds", "By": "_bytes"}
"""Other units count things and are in no name."""
_TYPES = {
    Kind.COUNTER: "counter",
    Kind.LEVEL: "gauge",
    Kind.GAUGE: "gauge",
    Kind.HISTOGRAM: "histogram",
}


class SnapshotSource(Protocol):
    """What has measurements: :class:`asyncdl.metrics.Metrics`."""

    def snapshot(self) -> Snapshot:
        """Return all that has been measured so far."""


class MetricsCollector:
    """A collector for a registry of prometheus-client.

    Args:
        metrics: Whose numbers are collected, each time that the registry is read.
    Raises: MisuseError, without the extra ``[prometheus]``.
    """

    def __init__(self, metrics: SnapshotSource) -> None:
        _client()
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """Yield all that has been measured so far."""
        for family in self._metrics.snapshot().families:
            yield _metric_of(family)

    def describe(self) -> Iterator[Metric]:
        """Yield all that may be measured, without numbers."""
        for instrument in INSTRUMENTS:
            yield _metric_of(Family(instrument, ()))


def text_of(metrics: SnapshotSource) -> str:
    """Return the text that Prometheus reads; it ends with a line feed.

    Raises: MisuseError, without the extra ``[prometheus]``.
    """
    client = _client()
    registry = client.CollectorRegistry(auto_describe=False)
    registry.register(MetricsCollector(metrics))
    return str(client.generate_latest(registry), "utf-8")


def name_of(instrument: Instrument) -> str:
    """Return the name by which Prometheus knows an instrument."""
    return _base_name(instrument) + ("_total" if instrument.kind is Kind.COUNTER else "")


def _base_name(instrument: Instrument) -> str:
    return instrument.name.replace(".", "_") + _UNITS.get(instrument.unit, "")


def _client() -> Any:
    """Return the package prometheus-client."""
    try:
        import prometheus_client
    except ImportError as error:
        raise MisuseError(
            f"metrics for Prometheus need prometheus-client: {installing('prometheus')}"
        ) from error
    return prometheus_client


def _metric_of(family: Family) -> Metric:
    instrument = family.instrument
    metric: Metric = _client().Metric(
        _base_name(instrument), instrument.description, _TYPES[instrument.kind]
    )
    for point in family.points:
        labels = {name: _text(value) for name, value in point.attributes.items()}
        if isinstance(point.value, Distribution):
            metric.samples += _distribution(instrument, labels, point.value)
        else:
            metric.samples.append(_sample(name_of(instrument), labels, point.value))
    return metric


def _distribution(
    instrument: Instrument, labels: dict[str, str], distribution: Distribution
) -> Iterator[Any]:
    name = _base_name(instrument)
    bounds = [*(f"{bound:.15g}" for bound in instrument.buckets), "+Inf"]
    for bound, count in zip(bounds, distribution.buckets, strict=True):
        yield _sample(f"{name}_bucket", {**labels, "le": bound}, count)
    yield _sample(f"{name}_sum", labels, distribution.sum)
    yield _sample(f"{name}_count", labels, distribution.count)


def _sample(name: str, labels: dict[str, str], value: float) -> Any:
    from prometheus_client.samples import Sample

    return Sample(name, labels, value)


def _text(value: str) -> str:
    """Return a label that UTF-8 can hold: codes and hosts come from outside."""
    return value.encode("utf-8", "backslashreplace").decode()
