"""The text that Prometheus reads, as prometheus-client writes it and reads it again."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.errors import MisuseError
from asyncdl.events import (
    ApiCalled,
    ConnectionsInUse,
    Event,
    FileFinished,
    FileState,
    QuotaLeft,
)
from asyncdl.metrics import CONTENT_TYPE, INSTRUMENTS, Metrics
from asyncdl.metrics.prometheus import MetricsCollector, name_of


def after(*events: Event) -> Metrics:
    metrics = Metrics()
    for event in events:
        metrics.take(event)
    return metrics


@pytest.mark.parametrize("use", [Metrics.prometheus, MetricsCollector], ids=["text", "collector"])
def test_without_the_extra_it_says_which_one_is_missing(
    use: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert callable(use)
    with pytest.raises(MisuseError, match=r"need prometheus-client: .*\[prometheus\]"):
        use(after(QuotaLeft(3)))


def test_everything_else_works_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert after(QuotaLeft(3)).snapshot().total("asyncdl.quota.left") == 3


NAMES = {
    "asyncdl.received": "asyncdl_received_bytes_total",
    "asyncdl.file.finished": "asyncdl_file_finished_total",
    "asyncdl.file.duration": "asyncdl_file_duration_seconds",
    "asyncdl.file.size": "asyncdl_file_size_bytes",
    "asyncdl.connections": "asyncdl_connections",
    "asyncdl.quota.left": "asyncdl_quota_left",
}


def test_dashboards_that_exist_find_their_names() -> None:
    known = {instrument.name: name_of(instrument) for instrument in INSTRUMENTS}
    assert known.items() >= NAMES.items()


# --- with the extra ----------------------------------------------------------

try:
    import prometheus_client
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    pass

with_the_extra = pytest.mark.skipif(
    "prometheus_client" not in sys.modules, reason="needs the extra prometheus: make extras"
)


def samples_of(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def labels(**values: str) -> frozenset[tuple[str, str]]:
    return frozenset(values.items())


@with_the_extra
def test_the_text_is_read_with_its_names_types_and_numbers() -> None:
    text = after(
        ApiCalled("login", 0.2, "BAD"), QuotaLeft(3), ConnectionsInUse("h", 1)
    ).prometheus()
    types = {family.name: family.type for family in text_string_to_metric_families(text)}
    assert types["asyncdl_received_bytes"] == "counter"
    assert types["asyncdl_api_duration_seconds"] == "histogram"
    assert types["asyncdl_connections"] == types["asyncdl_quota_left"] == "gauge"
    samples = samples_of(text)
    assert samples["asyncdl_received_bytes_total", labels()] == 0
    assert samples["asyncdl_connections", labels(host="h")] == 1
    name, of = "asyncdl_api_duration_seconds", {"endpoint": "login", "reason": "BAD"}
    buckets = {dict(key[1])["le"]: n for key, n in samples.items() if key[0] == f"{name}_bucket"}
    assert (buckets["0.1"], buckets["0.25"], buckets["1"], buckets["+Inf"]) == (0, 1, 1, 1)
    assert samples[f"{name}_sum", labels(**of)] == 0.2
    assert samples[f"{name}_count", labels(**of)] == 1


@with_the_extra
def test_every_instrument_is_in_the_text_under_its_name() -> None:
    """What is not measured yet is described."""
    described = {metric.name for metric in MetricsCollector(Metrics()).describe()}
    assert described == {name_of(one).removesuffix("_total") for one in INSTRUMENTS}


@with_the_extra
def test_no_label_is_empty() -> None:
    samples = samples_of(after(FileFinished("bands", "p", "f", FileState.DOWNLOADED)).prometheus())
    assert samples["asyncdl_file_finished_total", labels(kind="bands", state="downloaded")] == 1


@with_the_extra
@given(st.text(min_size=1))
def test_any_label_survives_the_text(host: str) -> None:
    samples = samples_of(after(ConnectionsInUse(host, 7)).prometheus())
    assert samples["asyncdl_connections", labels(host=host)] == 7


@with_the_extra
def test_a_label_that_no_text_can_hold_is_written_as_an_escape() -> None:
    assert "\\\\udc80" in after(ConnectionsInUse("\udc80", 7)).prometheus()


@with_the_extra
def test_the_media_type_is_that_of_the_text() -> None:
    assert CONTENT_TYPE == prometheus_client.exposition.CONTENT_TYPE_PLAIN_0_0_4


@with_the_extra
def test_a_registry_takes_ours_beside_others() -> None:
    registry = prometheus_client.CollectorRegistry(auto_describe=True)
    registry.register(MetricsCollector(after(QuotaLeft(3))))
    prometheus_client.Counter("theirs", "Of the program.", registry=registry).inc()
    assert registry.get_sample_value("asyncdl_quota_left") == 3
    assert registry.get_sample_value("theirs_total") == 1
    with pytest.raises(ValueError, match="asyncdl_received"):
        registry.register(MetricsCollector(Metrics()))
