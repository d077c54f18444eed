"""Scenes named by STAC items: recorded ones, and in the forms that other catalogues write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pystac
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.config import parse_config
from asyncdl.errors import ConfigError
from asyncdl.job.choosing.id_forms import SceneRef
from asyncdl.job.choosing.item_lists import NotItems, is_json, read_items
from asyncdl.job.choosing.search_plan import ids_of

DATA = Path(__file__).parent.parent / "data"
RECORDED = {
    "LC08_L2SP_047027_20201204_20210313_02_T1": "landsat_ot_c2_l2",
    "LM01_L1GS_001010_19720908_20200909_02_T2": "landsat_mss_c2_l1",
    "LT05_L2SP_010067_19860424_20200918_02_T2": "landsat_tm_c2_l2",
}
L2 = "LC08_L2SP_068017_20200310_20200822_02_T1"
ENTITY = "LC80680172020070LGN00"


def recorded() -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted(DATA.glob("recorded_stac-item_*.json"))]


def scenes(text: str, listed: str | None = None) -> list[SceneRef]:
    found = list(read_items(text, listed))
    assert [entry.fault for entry in found] == [None] * len(found)
    return [scene for entry in found for scene in entry.scenes]


def problem(item: object, listed: str | None = None) -> str:
    (entry,) = read_items(json.dumps(item), listed)
    assert entry.fault is not None
    return entry.fault.problem


def planetary_computer(**changes: Any) -> dict[str, Any]:
    """An item as the Planetary Computer has it: the day of processing is in the files only."""
    blob = "https://landsateuwest.blob.core.windows.net/landsat-c2/level-2/standard/oli-tirs/2020"
    item: dict[str, Any] = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "LC08_L2SP_068017_20200310_02_T1",
        "collection": "landsat-c2-l2",
        "properties": {"landsat:scene_id": ENTITY, "platform": "landsat-8"},
        "assets": {
            "red": {"href": f"{blob}/068/017/{L2}/{L2}_SR_B4.TIF"},
            "tilejson": {"href": "https://example.com/tilejson.json?item=LC08_L2SP_068017"},
        },
    }
    return item | changes


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"type": "FeatureCollection", "features": recorded()}, indent=2),
        json.dumps(recorded()),
        "\n".join(map(json.dumps, recorded())),
        "\r\n\r\n".join(map(json.dumps, recorded())) + "\r\n",
        "\x1e" + "\n\x1e".join(map(json.dumps, recorded())),
        "\ufeff " + json.dumps([item["id"] for item in recorded()]),
    ],
)
def test_recorded_items_are_read_however_they_are_kept(text: str) -> None:
    assert is_json(text)
    assert [(scene.id, scene.dataset) for scene in scenes(text)] == list(RECORDED.items())


def test_a_collection_that_pystac_saves_is_read(tmp_path: Path) -> None:
    file = tmp_path / "items.json"
    items = pystac.ItemCollection([pystac.Item.from_dict(item) for item in recorded()])
    items.save_object(str(file))
    assert [scene.id for scene in scenes(file.read_text())] == list(RECORDED)


def test_one_item_alone_is_read() -> None:
    assert [scene.id for scene in scenes(json.dumps(recorded()[0], indent=1))] == [*RECORDED][:1]


def test_the_items_of_one_scene_name_it_once(tmp_path: Path) -> None:
    file = tmp_path / "items.json"
    items = [{"type": "Feature", "id": f"{L2}_{kind}"} for kind in ("SR", "ST")]
    file.write_text(json.dumps(items))
    raw = {"search": {"scenes_file": str(file)}, "products": [{"kind": "bundle"}]}
    assert ids_of(parse_config(raw).search) == {"landsat_ot_c2_l2": [L2]}


def test_an_id_without_its_day_of_processing_is_completed_by_the_files() -> None:
    item = planetary_computer()
    assert scenes(json.dumps(item)) == [SceneRef(L2, "landsat_ot_c2_l2")]


@pytest.mark.parametrize(
    "assets",
    [
        {},
        None,
        {"red": {"href": f"s3://b/{L2}_SR_B4.TIF"}, "nir": {"href": f"s3://b/{L2[:-1]}2_B5.TIF"}},
        {"red": {"href": "s3://b/LC08_L2SP_068018_20200310_20200822_02_T1_SR_B4.TIF"}},
    ],
)
def test_without_files_that_agree_the_scene_id_and_the_level_count(assets: object) -> None:
    item = planetary_computer(assets=assets)
    assert scenes(json.dumps(item)) == [SceneRef(ENTITY, "landsat_ot_c2_l2")]
    item["collection"] = "landsat-c2l1"
    assert scenes(json.dumps(item)) == [SceneRef(ENTITY, "landsat_ot_c2_l1")]


def test_tiles_and_level_3_are_read_by_their_items() -> None:
    tile = "LC09_CU_003004_20230909_20230914_02"
    items = [
        {"type": "Feature", "id": f"{tile}_SR", "collection": "landsat-c2ard-sr"},
        {"type": "Feature", "id": f"{tile}_DSWE", "collection": "landsat-c2l3-dswe"},
    ]
    assert scenes(json.dumps(items)) == [
        SceneRef(tile, "landsat_ard_tile_c2"),
        SceneRef(f"{tile}_DSWE", "landsat_dswe_tile_c2"),
    ]


def test_what_search_prints_is_read() -> None:
    row = {"acquired": "2020-03-10", "product_id": L2, "entity_id": ENTITY}
    feature = {"type": "Feature", "geometry": None, "properties": row}
    for text in (json.dumps(row), json.dumps(feature), f"{json.dumps(row)}\n{json.dumps(row)}"):
        assert scenes(text)[0] == SceneRef(L2, "landsat_ot_c2_l2")


def test_an_item_that_names_no_scene_for_sure_is_called_by_what_it_is() -> None:
    sentinel = {"type": "Feature", "id": "S2A_5VPJ_20200310_0_L2A", "collection": "sentinel-2-l2a"}
    assert "of the collection 'sentinel-2-l2a', which is not a Landsat collection" in problem(
        sentinel
    )
    assert scenes(json.dumps(sentinel), "sentinel_2a") == [
        SceneRef("S2A_5VPJ_20200310_0_L2A", "sentinel_2a")
    ]
    bare = planetary_computer(properties={}, assets={})
    assert "a Planetary Computer id" in problem(bare)
    assert "belongs to landsat_ot_c2_l2" in problem(planetary_computer(), "landsat_ot_c2_l1")
    assert "names no scene" in problem({"type": "Feature", "properties": None})
    assert "not a STAC item" in problem([7])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"type": "FeatureCollection",\n "features": [}', "line 2, column 15: is not JSON"),
        (f'{{"id": "{L2}"}}\n{{"id": ', "line 2, column 7: is not JSON"),
        ('{"type": "Collection", "id": "landsat-c2l2-sr"}', "a STAC collection"),
        ('{"type": "FeatureCollection", "features": {}}', "without a list of items"),
        ("[" * 100_000, "is nested too deep"),
        ("[" + "9" * 10_000 + "]", "a number too long"),
    ],
)
def test_what_is_no_list_of_items_is_refused_with_its_place(
    tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "items.json"
    file.write_text(text)
    raw = {"search": {"scenes_file": str(file)}, "products": [{"kind": "bundle"}]}
    with pytest.raises(ConfigError) as refused:
        ids_of(parse_config(raw).search)
    assert told in str(refused.value) and refused.value.key == "search.scenes_file"


LEAVES = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(L2)
NAMES = st.sampled_from(
    ["type", "id", "features", "properties", "assets", "href", "collection", "landsat:scene_id"]
)
VALUES = st.recursive(
    LEAVES | st.sampled_from(["Feature", "FeatureCollection", ENTITY, "landsat-c2l2-sr"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(value=st.lists(VALUES) | st.dictionaries(NAMES, VALUES), listed=st.sampled_from([None, "x"]))
def test_no_json_is_more_than_read_or_refused(value: object, listed: str | None) -> None:
    try:
        entries = list(read_items(json.dumps(value), listed))
    except NotItems:
        return
    for entry in entries:
        assert bool(entry.scenes) != bool(entry.fault)


@given(text=st.text(alphabet=st.sampled_from('[]{}":,\n\\u0 1e-x')).map(lambda text: f"[{text}"))
def test_no_text_that_begins_as_json_is_more_than_read_or_refused(text: str) -> None:
    try:
        list(read_items(text, None))
    except NotItems as refused:
        assert str(refused)
