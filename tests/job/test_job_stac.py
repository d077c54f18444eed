"""The directory of a job opens as a STAC catalogue."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pystac
import pytest

import asyncdl.sandbox
from asyncdl.events import Event, Notice
from asyncdl.items.item_owner import basis_of, marked
from asyncdl.job import itemizing
from asyncdl.job.places import placer
from asyncdl.job.places.placer import FolderPlacer
from asyncdl.journal import FinishedFile, FoundSceneRecord
from asyncdl.m2m.naming import parse_product_id
from asyncdl.sandbox import wrs
from tests.job.bench import BANDS, RED, Bench

pytestmark = pytest.mark.slow

UNPACKED = {"kind": "bundle", "extract": True}
POLAR = "LC08_L2SR_099120_20191129_20201016_02_T2"
TILES = ("LC09_CU_003004_20230909_20230914_02", "LC08_AK_007008_20200310_20210503_02")


def collection(bench: Bench, dataset: str = "landsat_ot_c2_l2") -> pystac.Collection:
    path = bench.directory / "stac" / dataset / "collection.json"
    return pystac.Collection.from_file(str(path))


def item_files(bench: Bench) -> list[Path]:
    return sorted(bench.directory.glob("stac/*/L*.json"))


def items(bench: Bench) -> list[dict[str, Any]]:
    """All items as they stand on disk."""
    return [json.loads(path.read_bytes()) for path in item_files(bench)]


def hrefs(bench: Bench) -> list[Path]:
    """All files that the items speak of."""
    return [
        Path(asset.get_absolute_href() or "").resolve()
        for item in collection(bench).get_items()
        for asset in item.assets.values()
        if not asset.href.startswith("https://")
    ]


def times(bench: Bench) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in bench.directory.glob("stac/*/*.json")}


def notices(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Notice)]


@pytest.mark.parametrize("products", [(BANDS,), (UNPACKED,), ({"kind": "bundle"},)])
async def test_an_item_for_each_scene_speaks_of_its_files(
    bench: Bench, products: tuple[dict[str, object], ...]
) -> None:
    await bench.complete(*products, stac=True)
    there = bench.directory.glob("b*/**/*")
    assert sorted(hrefs(bench)) == sorted(path.resolve() for path in there if path.is_file())


async def test_items_may_name_whole_paths_and_change_their_mind(bench: Bench) -> None:
    await bench.complete(RED, stac="absolute")
    for path in item_files(bench):
        assets = json.loads(path.read_bytes())["assets"]
        assert Path(assets["red"]["href"]).is_absolute() and Path(assets["red"]["href"]).is_file()
    await bench.complete(RED, stac=True)
    for path in item_files(bench):
        href = json.loads(path.read_bytes())["assets"]["red"]["href"]
        assert href.startswith("..") and (path.parent / href).is_file()


async def test_an_item_tells_size_digest_and_place(bench: Bench) -> None:
    await bench.complete(BANDS, stac=True)
    for item in collection(bench).get_items():
        red = item.assets["red"].extra_fields
        assert red["file:size"] > 0 and red["file:checksum"].startswith(("1220", "1340"))
        assert red["proj:code"] == item.properties["proj:code"] == "EPSG:32606"
        assert item.bbox is not None


async def test_what_the_search_tells_is_in_the_item(bench: Bench) -> None:
    """The footprint, not the frame of the raster; the scene's id; the picture."""
    await bench.complete(RED, stac=True)
    for item in items(bench):
        found = {s.display_id: s for s in asyncdl.sandbox.landsat_scenes.fixed_scenes()}[item["id"]]
        corners = {tuple(at) for at in item["geometry"]["coordinates"][0]}
        assert corners == set(found.footprint)
        assert item["properties"]["landsat:scene_id"] == found.entity_id
        assert "gen-browse" in item["assets"]["thumbnail"]["href"]


async def test_items_that_have_not_changed_stay_and_others_follow(bench: Bench) -> None:
    await bench.complete(RED, stac=True)
    before = times(bench)
    await bench.complete(RED, stac=True)
    assert times(bench) == before and len(before) == 4
    await bench.complete(BANDS, stac=True, layout="{kind}/{date}/{file}")
    assert len(hrefs(bench)) == 12 and all(path.is_file() for path in hrefs(bench))


async def test_a_directory_that_has_moved_still_opens(bench: Bench) -> None:
    await bench.complete(RED, stac=True)
    bench.directory = bench.directory.rename(bench.directory.with_name("else where"))
    assert len(hrefs(bench)) == 3 and all(path.is_file() for path in hrefs(bench))


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

    monkeypatch.setattr(placer, "write_file", full)
    assert (await bench.run(RED, stac=True)).is_complete
    assert any("STAC items could not be written" in text for text in notices(bench.events))


# --- whose an item is ---------------------------------------------------------------------


def of_form_1(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as it was written before items had marks: with less in it."""
    properties = {k: v for k, v in item["properties"].items() if not k.startswith("asyncdl:")}
    properties = {k: v for k, v in properties.items() if not k.startswith("landsat:")}
    assets = {k: a for k, a in item["assets"].items() if "file:size" in a}
    return {**item, "properties": properties, "assets": assets}


Change = Callable[[dict[str, Any]], object]


async def rerun(bench: Bench, *changes: Change) -> list[tuple[object, Any]]:
    """Change the first items and run again; return each before and after the run."""
    await bench.complete(RED, stac=True)
    paths = item_files(bench)[: len(changes)]
    changed = [change(json.loads(p.read_bytes())) for p, change in zip(paths, changes, strict=True)]
    for path, item in zip(paths, changed, strict=True):
        path.write_text(json.dumps(item))
    bench.events.clear()
    summary = await bench.complete(RED, stac=True)
    assert summary.files["skipped"] == 3, "nothing is fetched again"
    return [(item, json.loads(p.read_bytes())) for p, item in zip(paths, changed, strict=True)]


def of_another_form(item: dict[str, Any]) -> object:
    return marked(of_form_1(item), basis_of("of another form"))


async def test_items_of_older_versions_are_written_anew(bench: Bench) -> None:
    for before, after in await rerun(bench, of_form_1, of_another_form):
        assert before != after and after["properties"]["landsat:correction"] == "L2SP"
    assert not any("left unchanged" in text for text in notices(bench.events))


def edited(item: dict[str, Any]) -> object:
    return {**item, "properties": {**item["properties"], "mine": 1}}


def of_another_tool(item: dict[str, Any]) -> object:
    return {**of_form_1(item), "links": []}


def no_object(item: dict[str, Any]) -> object:
    return [item]


async def test_items_of_somebody_else_are_left_alone_and_named(bench: Bench) -> None:
    for before, after in await rerun(bench, edited, of_another_tool, no_object):
        assert before == after
    (text,) = [text for text in notices(bench.events) if "left unchanged" in text]
    assert all(path.stem in text for path in item_files(bench))
    listed = json.loads((item_files(bench)[0].parent / "collection.json").read_bytes())["links"]
    assert len([link for link in listed if link["rel"] == "item"]) == 3


# --- other places -------------------------------------------------------------------------


async def job_of(directory: Path, *ids: str, product: dict[str, Any]) -> Bench:
    """Run a job of some scenes, by their ids."""
    async with asyncdl.sandbox.serve(scenes=[i for i in ids if parse_product_id(i)]) as service:
        bench = Bench(service, directory)
        summary = await bench.run(product, search={"scenes": list(ids)}, stac=True)
        assert summary.is_complete, summary.failures or summary.error
        return bench


async def test_a_polar_scene_has_its_system_and_what_was_seen(tmp_path: Path) -> None:
    product = {"kind": "bands", "bands": ["red", "qa_pixel", "ANG", "MTL"]}
    bench = await job_of(tmp_path, POLAR, product=product)
    (item,) = items(bench)
    for fields in (item["properties"], item["assets"]["red"]):
        assert (fields["proj:code"], fields["proj:epsg"]) == ("EPSG:3031", 3031)
    # By its id no search has told the footprint: the angle coefficients do, to a metre.
    seen = wrs.footprint(99, 120)
    ring = item["geometry"]["coordinates"][0]
    assert all(min(abs(x - a) + abs(y - b) for a, b in ring) < 2e-5 for x, y in seen)


async def test_a_tile_has_its_system_in_words_and_a_geometry(tmp_path: Path) -> None:
    product = {"kind": "bands", "bands": ["red", "qa_pixel"]}
    bench = await job_of(tmp_path, *TILES, product=product)
    for item in items(bench):
        properties = item["properties"]
        assert properties["proj:code"] is None and properties["proj:projjson"]["base_crs"]
        assert properties["proj:wkt2"].startswith('PROJCRS["WGS 84 / Albers"')
        assert properties["landsat:grid_region"] == item["id"][5:7]
        west, south, east, north = item["bbox"]
        assert 1 < east - west < 8 and 1 < north - south < 4
        assert [link["href"][-3:] for link in item["links"] if link["rel"] == "via"] == ["_SR"]


async def test_the_bundle_with_a_tile_s_own_item_tells_more(tmp_path: Path) -> None:
    product = {"kind": "bundle", "product": "D773", "extract": True}
    bench = await job_of(tmp_path, TILES[0], product=product)
    (item,) = items(bench)
    assert item["properties"]["datetime"] == "2023-09-09T19:03:11Z"
    assert item["properties"]["landsat:scene_count"] == 2
    assert item["properties"]["landsat:grid_horizontal"] == "03"


def test_two_scenes_with_one_display_id_have_an_item_each(tmp_path: Path) -> None:
    scene, name = "LC08_L2SP_068017_20200310_20200822_02_T1", "a_SR_B4.TIF"
    files = []
    for path in (f"bands/{scene}/{name}", f"bands/{scene}/second/{name}"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"x")
        mtime = (tmp_path / path).stat().st_mtime_ns
        files.append(FinishedFile(path, "bands", scene, 1, mtime, "length"))
    known = itemizing._Known(
        {},
        {scene: "first"},
        {scene: ("second",)},
        {"second": FoundSceneRecord(browse_url="https://b")},
    )
    assert itemizing._write_all(FolderPlacer(tmp_path), files, known) == []
    folder = tmp_path / "stac" / "landsat_ot_c2_l2"
    written = {path.name: json.loads(path.read_bytes()) for path in folder.glob("L*.json")}
    assert written.keys() == {f"{scene}.json", f"{scene}_second.json"}
    assert len({item["id"] for item in written.values()}) == 2
    assert "thumbnail" in written[f"{scene}_second.json"]["assets"]
    links = json.loads((folder / "collection.json").read_bytes())["links"]
    assert sum(link["rel"] == "item" for link in links) == 2
