"""Which proof each file has, and what becomes of files whose bytes are not right."""

from __future__ import annotations

import pytest

from asyncdl.events import FileFinished, Notice
from asyncdl.sandbox import Faults
from tests.job.bench import BANDS, BUNDLE, RED, Bench

pytestmark = pytest.mark.slow


def proofs(bench: Bench) -> set[tuple[str, str]]:
    return {(e.proof, e.source) for e in bench.events if isinstance(e, FileFinished)}


async def test_a_bundle_is_proven_by_the_catalogues_digests_of_its_members(bench: Bench) -> None:
    await bench.complete(BUNDLE)
    assert proofs(bench) == {("length+tar+members-sha512", "stac")}


async def test_without_the_catalogue_structure_has_to_do(bench: Bench) -> None:
    await bench.complete(BANDS, BUNDLE, stac_url="")
    assert proofs(bench) == {
        ("length+tiff", ""),
        ("length+text", ""),
        ("length+tar+members", ""),
    }


async def test_a_catalogue_that_is_down_stops_nothing(bench: Bench) -> None:
    bench.service.faults = Faults(stac_down=True)
    await bench.complete(RED)
    assert proofs(bench) == {("length+tiff", "")}
    told = [e.text for e in bench.events if isinstance(e, Notice) and "STAC" in e.text]
    assert len(told) == 1


async def test_items_of_old_that_lack_digests_are_no_failure(bench: Bench) -> None:
    bench.service.faults = Faults(stac_missing=1.0)
    await bench.complete(RED)
    assert proofs(bench) == {("length+tiff", "")}


async def test_a_flipped_bit_on_the_way_is_noticed_and_fetched_once_more(bench: Bench) -> None:
    bench.service.faults = Faults(corrupt=1.0)
    await bench.complete(RED)
    assert set(bench.service.file_requests.values()) >= {2}


@pytest.mark.parametrize("fault", ["corrupt", "corrupt_members", "members_missing"])
async def test_what_stays_wrong_is_never_published(bench: Bench, fault: str) -> None:
    bench.service.faults = Faults(strikes=0, corrupt_times=0)
    setattr(bench.service.faults, fault, "*_20200303_*")
    summary = await bench.run(RED if fault == "corrupt" else BUNDLE)
    assert (summary.files["downloaded"], summary.files["failed"]) == (2, 1)
    (failure,) = summary.failures
    if fault == "members_missing":
        assert failure.reason == "broken-file" and "lacks" in failure.detail
    else:
        assert failure.reason == "checksum-mismatch" and "expected" in failure.detail
    assert len(bench.files) == 2


async def test_later_runs_do_not_look_up_what_is_proven(bench: Bench) -> None:
    await bench.complete(RED)
    before = bench.service.calls["stac"]
    await bench.complete(RED)
    assert bench.service.calls["stac"] == before
