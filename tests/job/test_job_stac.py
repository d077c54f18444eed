"""The directory of a job opens as a STAC catalogue."""

from __future__ import annotations

from pathlib import Path

import pystac
import pytest

from asyncdl.events import Notice
from asyncdl.job import itemizing
from tests.job.bench import BANDS, RED, Bench

pytestmark = pytest.mark.slow

UNPACKED = {"kind": "bundle", "extract": True}


def collection(bench: Bench) -> pystac.Collection:
    path = bench.directory / "stac" / "landsat_ot_c2_l2" / "collection.json"
    return pystac.Collection.from_file(str(path))


def hrefs(bench: Bench) -> list[Path]:
    """All files that the items speak of."""
    return [
        Path(asset.get_absolute_href() or "").resolve()
        for item in collection(bench).get_items()
        for asset in item.assets.values()
    ]


def times(bench: Bench) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in bench.directory.glob("stac/*/*.json")}


@pytest.mark.parametrize("products", [(BANDS,), (UNPACKED,), ({"kind": "bundle"},)])
async def test_an_item_for_each_scene_speaks_of_its_files(
    bench: Bench, products: tuple[dict[str, object], ...]
) -> None:
    await bench.complete(*products, stac=True)
    there = bench.directory.glob("b*/**/*")
    assert sorted(hrefs(bench)) == sorted(path.resolve() for path in there if path.is_file())


async def test_an_item_tells_size_digest_and_place(bench: Bench) -> None:
    await bench.complete(BANDS, stac=True)
    for item in collection(bench).get_items():
        red = item.assets["red"].extra_fields
        assert red["file:size"] > 0 and red["file:checksum"].startswith(("1220", "1340"))
        assert red["proj:code"] == item.properties["proj:code"] == "EPSG:32606"
        assert item.bbox is not None


async def test_items_that_have_not_changed_stay_and_others_follow(bench: Bench) -> None:
    await bench.complete(RED, stac=True)
    before = times(bench)
    await bench.complete(RED, stac=True)
    assert times(bench) == before and len(before) == 4
    await bench.complete(BANDS, stac=True, layout="{kind}/{date}/{file}")
    assert len(hrefs(bench)) == 12 and all(path.is_file() for path in hrefs(bench))


async def test_a_scene_whose_files_are_gone_is_not_listed(bench: Bench) -> None:
    await bench.complete(RED, stac=True)
    bench.files[0].unlink()
    await bench.run({"kind": "bands", "bands": ["SR_B5"]}, stac=True)
    assert len(hrefs(bench)) == 5 and all(path.is_file() for path in hrefs(bench))


async def test_without_being_asked_for_nothing_is_written(bench: Bench) -> None:
    await bench.complete(RED)
    assert not (bench.directory / "stac").exists()


async def test_items_that_cannot_be_written_are_told_and_fail_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(itemizing, "write_anew", full)
    assert (await bench.run(RED, stac=True)).is_complete
    told = [e.text for e in bench.events if isinstance(e, Notice)]
    assert any("STAC items could not be written" in text for text in told)


@pytest.mark.filterwarnings("ignore")  # of packages that are none of ours
async def test_items_open_with_odc_stac(bench: Bench) -> None:
    """Where it is installed (make extras); it brings GDAL, which is too much for every check."""
    odc = pytest.importorskip("odc.stac", reason="odc-stac is not installed: make extras")
    await bench.complete(BANDS, stac=True)
    loaded = odc.load(list(collection(bench).get_items()), bands=["red", "qa_pixel"])
    assert float(loaded.red.max()) > 0 and loaded.odc.crs.epsg == 32606
    # Bits can be masked: nothing has been made a float for want of a type.
    assert loaded.qa_pixel.dtype == "uint16" and (loaded.qa_pixel & 1).any()
