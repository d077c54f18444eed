"""Digests, and names that only the host knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from asyncdl.events import FileFinished
from asyncdl.m2m.downloads import selection
from asyncdl.sandbox import Faults
from tests.job.bench import BANDS, BUNDLE, RED, Bench


async def test_digests_are_checked_where_they_are_needed(bench: Bench) -> None:
    bench.service.faults = Faults(checksums=True)
    await bench.complete(BANDS, verify="checksum")
    proofs = [e.proof for e in bench.events if isinstance(e, FileFinished)]
    assert all("sha256" in proof for proof in proofs)


async def test_a_file_without_the_digest_it_needs_is_not_even_asked_for(bench: Bench) -> None:
    summary = await bench.run(RED, BUNDLE, verify="checksum", stac_url="")
    assert summary.files["failed"] == 6
    assert {f.reason for f in summary.failures} == {"no-digest"}
    assert len(bench.requested) == 0


async def test_a_weaker_proof_of_an_earlier_run_is_made_up_for(bench: Bench) -> None:
    bench.service.faults = Faults(checksums=True)
    await bench.complete(RED, verify="size")
    await bench.complete(RED, verify="checksum")
    proofs = [e.proof for e in bench.events if isinstance(e, FileFinished)]
    assert proofs[:3] == ["length"] * 3
    assert all("sha256" in proof for proof in proofs[3:])


@pytest.fixture
def no_bundles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the dataset be one of those whose files are named by their host alone."""
    monkeypatch.setattr(selection, "is_own_bundle", lambda row, scene: False)


async def test_a_file_gets_the_name_that_its_host_gives_it(bench: Bench, no_bundles: None) -> None:
    summary = await bench.complete(BUNDLE)
    names = [path.relative_to(bench.directory).as_posix() for path in bench.files]
    assert all(name == f"bundle/{Path(name).stem}/{Path(name).stem}.tar" for name in names)
    assert sorted(bench.endings) == sorted(names) and len(names) == 3
    assert summary.downloaded_bytes == summary.total_bytes


async def test_a_name_that_the_host_gave_is_known_to_the_next_run(
    bench: Bench, no_bundles: None
) -> None:
    await bench.complete(BUNDLE)
    summary = await bench.complete(BUNDLE)
    assert summary.files["skipped"] == 3
    bench.files[0].unlink()
    assert (await bench.complete(BUNDLE)).files["downloaded"] == 1
