"""The stand-in for the engine by which ``python -m benchmarks.growth`` runs jobs without bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdl.sandbox import serve
from benchmarks.byteless import without_bytes
from tests.job.bench import BANDS, Bench


@pytest.mark.allow_blocking  # it makes its files on the loop, as it has no threads
async def test_a_job_without_bytes_is_a_whole_job_but_for_them(tmp_path: Path) -> None:
    """All is requested, recorded and found again, and nothing is asked of the file host."""
    async with serve() as service:
        bench = Bench(service, tmp_path)
        with without_bytes():
            first = await bench.job(BANDS).run()
            second = await bench.job(BANDS).run()
        assert first.status == second.status == "complete"
        assert first.files["downloaded"] == second.files["skipped"] == first.files["total"] > 10
        assert service.calls["download-request"] == 1 and not service.file_requests
    paths = [path for path in (tmp_path / "bands").rglob("*") if path.is_file()]
    assert len(paths) == first.files["total"]
    assert any(path.stat().st_size for path in paths)
    assert all(path.stat().st_blocks * 512 < path.stat().st_size for path in paths), "holes"
