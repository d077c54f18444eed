"""A job as its metrics have it, beside what its summary says."""

from __future__ import annotations

from asyncdl.metrics import INSTRUMENTS, Distribution, Kind, Metrics
from tests.job.bench import RED, Bench


async def test_metrics_and_summary_of_a_run_agree(bench: Bench) -> None:
    bench.service.faults.preparing = 1.0
    metrics = Metrics()
    summary = await bench.job(RED).run(metrics.take)
    snapshot = metrics.snapshot()
    assert summary.is_complete
    assert snapshot.total("asyncdl.file.wanted") == summary.files["total"] == 3
    assert snapshot.total("asyncdl.file.finished", state="downloaded", kind="bands") == 3
    assert snapshot.total("asyncdl.received") == summary.downloaded_bytes
    assert snapshot.total("asyncdl.file.size") == summary.total_bytes
    assert snapshot.total("asyncdl.scene.found") == summary.scenes
    assert snapshot.total("asyncdl.job.finished", state="complete") == 1
    levels = [one.name for one in INSTRUMENTS if one.kind is Kind.LEVEL]
    assert {name: snapshot.total(name) for name in levels} == dict.fromkeys(levels, 0)
    [calls] = [f for f in snapshot.families if f.instrument.name == "asyncdl.api.duration"]
    counts = {
        point.attributes["endpoint"]: point.value.count
        for point in calls.points
        if isinstance(point.value, Distribution)
    }
    assert counts == summary.api_calls


async def test_bytes_of_files_that_fail_are_counted_too(bench: Bench) -> None:
    bench.service.faults.corrupt, bench.service.faults.corrupt_times = 1.0, 99
    metrics = Metrics()
    summary = await bench.job(RED).run(metrics.take)
    snapshot = metrics.snapshot()
    assert snapshot.total("asyncdl.file.finished", state="failed") == 3
    assert snapshot.total("asyncdl.received") == summary.downloaded_bytes > 0
