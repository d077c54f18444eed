"""A snapshot in the text format of Prometheus. Pure.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4), and for
names https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from asyncdl.metrics.instruments import Instrument, Kind
from asyncdl.metrics.snapshot import Distribution, Family, Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""What an answer with this text calls itself."""

_UNITS = {"s": "_seconds", "By": "_bytes"}
"""Others count things and stand in no name."""
_TYPES = {
    Kind.COUNTER: "counter",
    Kind.LEVEL: "gauge",
    Kind.GAUGE: "gauge",
    Kind.HISTOGRAM: "histogram",
}
_IN_HELP = str.maketrans({"\\": r"\\", "\n": r"\n"})
_IN_LABEL = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def text_of(snapshot: Snapshot) -> str:
    """Return the whole text, which ends with a line feed."""
    return "".join(f"{line}\n" for family in snapshot.families for line in _lines(family))


def name_of(instrument: Instrument) -> str:
    """Return the name that Prometheus knows an instrument by."""
    suffix = "_total" if instrument.kind is Kind.COUNTER else ""
    return instrument.name.replace(".", "_") + _UNITS.get(instrument.unit, "") + suffix


def _lines(family: Family) -> Iterator[str]:
    name = name_of(family.instrument)
    yield f"# HELP {name} {family.instrument.description.translate(_IN_HELP)}"
    yield f"# TYPE {name} {_TYPES[family.instrument.kind]}"
    for point in family.points:
        if isinstance(point.value, Distribution):
            yield from _spread(family.instrument, point.attributes, point.value)
        else:
            yield f"{name}{_labels(point.attributes)} {_number(point.value)}"


def _spread(
    instrument: Instrument, attributes: Mapping[str, str], spread: Distribution
) -> Iterator[str]:
    name = name_of(instrument)
    bounds = [*map(_number, instrument.buckets), "+Inf"]
    for bound, count in zip(bounds, spread.buckets, strict=True):
        yield f"{name}_bucket{_labels({**attributes, 'le': bound})} {count}"
    yield f"{name}_sum{_labels(attributes)} {_number(spread.sum)}"
    yield f"{name}_count{_labels(attributes)} {spread.count}"


def _labels(attributes: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{text.translate(_IN_LABEL)}"' for name, text in attributes.items())
    return f"{{{pairs}}}" if pairs else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
