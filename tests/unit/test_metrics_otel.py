"""The measurements as OpenTelemetry's own SDK receives them."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from asyncdl.events import (
    ApiCalled,
    ConnectionsInUse,
    FileFinished,
    FileState,
    QuotaLeft,
    TransferEnded,
)
from asyncdl.metrics import INSTRUMENTS, Kind
from asyncdl.metrics.otel import OpenTelemetry
from asyncdl.version import __version__

NAME = re.compile(r"asyncdl(\.[a-z]+)+")
ATTRIBUTES = {"kind", "state", "reason", "host", "endpoint"}


class Collected:
    """What arrived at a reader of the SDK."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider(metric_readers=[self.reader])

    def scope(self) -> Any:
        data = self.reader.get_metrics_data()
        assert data is not None
        [resource] = data.resource_metrics
        [scope] = resource.scope_metrics
        return scope

    def points(self, name: str) -> list[Any]:
        [metric] = [metric for metric in self.scope().metrics if metric.name == name]
        return list(metric.data.data_points)


@pytest.fixture
def collected() -> Collected:
    return Collected()


def test_numbers_arrive_with_unit_and_attributes(collected: Collected) -> None:
    take = OpenTelemetry(collected.provider).take
    take(FileFinished("bands", "p", "f", FileState.FAILED, reason="http-404"))
    take(TransferEnded("f", "", 512, 2.0))
    [point] = collected.points("asyncdl.file.finished")
    expected = {"kind": "bands", "state": "failed", "reason": "http-404"}
    assert (dict(point.attributes), point.value) == (expected, 1)
    [received] = collected.points("asyncdl.received")
    assert (dict(received.attributes), received.value) == ({}, 512)
    units = {metric.name: metric.unit for metric in collected.scope().metrics}
    assert (units["asyncdl.received"], units["asyncdl.file.duration"]) == ("By", "s")


def test_levels_and_gauges_are_what_they_are_in_memory(collected: Collected) -> None:
    telemetry = OpenTelemetry(collected.provider)
    for emit in (telemetry.watch(), telemetry.watch()):
        emit(ConnectionsInUse("host", 4))
        emit(ConnectionsInUse("host", 3))
        emit(QuotaLeft(70))
    assert [point.value for point in collected.points("asyncdl.connections")] == [6]
    assert [point.value for point in collected.points("asyncdl.quota.left")] == [70]


def test_histograms_have_our_bounds(collected: Collected) -> None:
    OpenTelemetry(collected.provider).take(ApiCalled("login", 3.0, None))
    [point] = collected.points("asyncdl.api.duration")
    assert (point.explicit_bounds[0], point.explicit_bounds[-1]) == (0.1, 120.0)
    assert (point.count, point.sum) == (1, 3.0)


def test_the_meter_says_which_version_measured(collected: Collected) -> None:
    OpenTelemetry(collected.provider).take(QuotaLeft(1))
    scope = collected.scope().scope
    assert (scope.name, scope.version) == ("asyncdl", __version__)


def test_two_may_share_a_provider(collected: Collected, caplog: pytest.LogCaptureFixture) -> None:
    """The SDK warns of an instrument that is made again with other particulars."""
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            OpenTelemetry(collected.provider).take(ConnectionsInUse("host", 1))
    assert [point.value for point in collected.points("asyncdl.connections")] == [2]
    assert caplog.records == []


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda one: one.name)
def test_names_and_attributes_keep_to_the_conventions(instrument: Any) -> None:
    assert NAME.fullmatch(instrument.name)
    assert not instrument.name.endswith(".total")
    assert instrument.unit in ("s", "By") or re.fullmatch(r"\{[a-z]+\}", instrument.unit)
    assert set(instrument.attributes) <= ATTRIBUTES
    assert bool(instrument.buckets) is (instrument.kind is Kind.HISTOGRAM)
    assert list(instrument.buckets) == sorted(set(instrument.buckets))
    assert instrument.description.endswith(".")


def test_no_name_is_also_the_beginning_of_others() -> None:
    names = [one.name for one in INSTRUMENTS]
    assert len(set(names)) == len(names)
    assert not [a for a in names for b in names if b.startswith(f"{a}.")]
