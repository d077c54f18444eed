"""What items are made from besides metadata: systems, angles, the service's items, footprints."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.items.band_facts import bitfields_of
from asyncdl.items.facts import SceneFacts, crosses_itself, plausible_footprint
from asyncdl.items.item import ItemFile, SearchFacts, item_id_of, make_item
from asyncdl.items.item_owner import Owner, basis_of, is_made_from, marked, owner_of
from asyncdl.items.landsat import instruments_of
from asyncdl.items.metadata import footprint_of, read_angles, read_facts
from asyncdl.items.projections import (
    Albers,
    Crs,
    Polar,
    crs_of,
    from_albers,
    from_polar,
    projjson_of,
    wkt2_of,
)
from asyncdl.items.published_item import read_item
from asyncdl.items.raster_head import Georeference, read_georeference, read_samples
from asyncdl.m2m.bands import files_of
from asyncdl.sandbox.file_contents import RasterSize
from asyncdl.sandbox.geometry import to_albers, to_polar
from asyncdl.sandbox.landsat_scenes import LandsatScene, fixed_scene, fixed_scenes
from asyncdl.sandbox.mtl_files import text_file
from asyncdl.sandbox.rasters import Raster, albers_frame, scene_frame
from asyncdl.sandbox.tiles import fixed_tiles

SOUTH = Polar(-71.0, 0.0)
CONUS = Albers(29.5, 45.5, 23.0, -96.0)
ALASKA = Albers(55.0, 65.0, 50.0, -154.0)
HAWAII = Albers(8.0, 18.0, 3.0, -157.0)
POLAR = "LC08_L2SR_099120_20191129_20201016_02_T2"
MSS = "LM01_L1GS_001010_19720908_20200909_02_T2"


# --- systems ------------------------------------------------------------------------------


def test_a_corner_at_the_pole_is_where_the_metadata_of_the_usgs_has_it() -> None:
    """Upper left corner of LC08_L2SR_099120_20191129: metres and degrees stand side by side."""
    longitude, latitude = from_polar(733_800, 494_400, SOUTH)
    assert (round(longitude, 5), round(latitude, 5)) == (56.02976, -81.86960)


def test_the_worked_example_of_snyder_for_a_cone() -> None:
    """35 N, 75 W: 1,885,472.7 and 1,535,925.0 metres on another ellipsoid, to a hundred here."""
    x, y = to_albers((-75.0, 35.0), (29.5, 45.5, 23.0, -96.0))
    assert abs(x - 1_885_472.7) < 100 and abs(y - 1_535_925.0) < 100
    longitude, latitude = from_albers(x, y, CONUS)
    assert (round(longitude, 9), round(latitude, 9)) == (-75.0, 35.0)


@given(st.floats(-179.9, 179.9), st.floats(-89.5, -60))
def test_a_polar_point_comes_back_to_where_it_was(longitude: float, latitude: float) -> None:
    east, north = from_polar(*to_polar((longitude, latitude)), SOUTH)
    assert abs(north - latitude) < 1e-9
    assert abs((east - longitude + 180) % 360 - 180) < 1e-7


@given(st.floats(-40, 40), st.floats(0, 75), st.sampled_from([CONUS, ALASKA, HAWAII]))
def test_a_point_on_a_cone_comes_back_to_where_it_was(
    aside: float, latitude: float, cone: Albers
) -> None:
    point = (cone.meridian + aside, latitude)
    x, y = to_albers(point, (cone.first, cone.second, cone.origin, cone.meridian))
    east, north = from_albers(x, y, cone)
    assert abs(north - latitude) < 1e-8
    assert abs((east - point[0] + 180) % 360 - 180) < 1e-7


def test_a_system_without_a_code_is_written_out_twice() -> None:
    fields = crs_of(CONUS).fields()
    assert (fields["proj:code"], fields["proj:epsg"]) == (None, None)
    told = {
        p["id"]["code"]: p["value"] for p in fields["proj:projjson"]["conversion"]["parameters"]
    }
    assert told == {8821: 23.0, 8822: -96.0, 8823: 29.5, 8824: 45.5, 8826: 0.0, 8827: 0.0}
    text = fields["proj:wkt2"]
    assert (
        text.count("[") == text.count("]") and 'METHOD["Albers Equal Area",ID["EPSG",9822]]' in text
    )
    assert projjson_of(SOUTH)["conversion"]["method"]["id"]["code"] == 9829
    assert "Polar Stereographic (variant B)" in wkt2_of(SOUTH)


def test_a_system_that_has_a_code_goes_by_it() -> None:
    assert crs_of(SOUTH).fields() == {"proj:code": "EPSG:3031", "proj:epsg": 3031}
    assert Crs().fields() == {}
    by_code, by_words = Crs(3031).to_degrees(), crs_of(SOUTH).to_degrees()
    assert by_code and by_words and by_code(1e6, 1e6) == by_words(1e6, 1e6)
    assert Crs(2056).to_degrees() is None


def raster(scene_id: str, folder: Path) -> Path:
    """A raster of the sandbox; at the pole and of tiles its system is written out."""
    path = folder / "a.TIF"
    tiles = {tile.display_id: tile for tile in fixed_tiles(0)}
    if scene_id in tiles:
        frame = albers_frame(tiles[scene_id].box, tiles[scene_id].cone)
    else:
        frame = scene_frame(fixed_scene(0, scene_id).footprint)
    content = Raster(path.name, RasterSize().shape(2), frame)
    path.write_bytes(content.read(0, content.size))
    return path


@pytest.mark.parametrize(
    ("scene", "crs"),
    [
        (POLAR, crs_of(SOUTH)),
        ("LC09_CU_003004_20230909_20230914_02", crs_of(CONUS)),
        ("LC08_AK_007008_20200310_20210503_02", crs_of(ALASKA)),
        ("LC09_HI_002001_20230105_20230111_02", crs_of(HAWAII)),
    ],
)
def test_a_system_that_is_written_out_is_read(scene: str, crs: Crs, tmp_path: Path) -> None:
    path = raster(scene, tmp_path)
    found = read_georeference(path)
    assert found is not None and found.crs == crs
    samples = read_samples(path)
    assert samples is not None and not samples.is_tiled


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *((2048, 4267), (3075, 7), (3076, 9003)),
        *((34736, math.nan), (34736, math.inf), (34736, -90.0)),
    ],
    ids=["another datum", "another method", "feet", "no number", "no end", "true at the pole"],
)
def test_a_system_that_is_not_known_gives_none(key: int, value: float, tmp_path: Path) -> None:
    path = raster(POLAR, tmp_path)
    data = path.read_bytes()
    if key == 34736:
        old, new = struct.pack("<d", -71.0), struct.pack("<d", value)
    else:
        at = data.index(struct.pack("<HHH", key, 0, 1))
        old, new = data[at : at + 8], struct.pack("<HHHH", key, 0, 1, int(value))
    path.write_bytes(data.replace(old, new))
    found = read_georeference(path)
    assert found is not None and found.crs == Crs() and found.footprint() is None


# --- angles -------------------------------------------------------------------------------


def metadata_facts(scene: LandsatScene, suffix: str) -> SceneFacts:
    return read_facts(text_file(scene, suffix).decode())


@pytest.mark.parametrize("scene", [*fixed_scenes()[:3], fixed_scene(0, POLAR)], ids=str)
def test_the_three_forms_of_the_metadata_say_the_same(scene: LandsatScene) -> None:
    forms = [metadata_facts(scene, f"MTL.{ending}") for ending in ("json", "txt", "xml")]
    assert forms[0] == forms[1] == forms[2]
    assert forms[0].grid and forms[0].scene_id == scene.entity_id and forms[0].rescaling


@pytest.mark.parametrize("name", [POLAR, "LC08_L2SP_068017_20200310_20200822_02_T1"])
def test_the_angles_tell_what_was_seen(name: str) -> None:
    scene = fixed_scene(0, name)
    text = text_file(scene, "ANG.txt").decode()
    facts = metadata_facts(scene, "MTL.txt")
    seen = footprint_of(text, facts.grid)
    assert seen is not None and read_angles(text).scene_id == scene.entity_id
    for corner in scene.footprint:
        assert min(math.dist(corner, at) for at in seen[0]) < 2e-5
    # The frame of the raster is much larger: its corners are nowhere near.
    assert facts.frame is not None
    assert min(math.dist(corner, at) for corner in facts.frame for at in seen[0]) > 0.1


@pytest.mark.parametrize(
    "change",
    [
        ("CORNER_LINES", "CORNER_LINE"),
        ("SAMPS = (", "SAMPS = (x, "),
        ("LINES = (", "LINES = (9e9,"),
    ],
)
def test_angles_that_make_no_sense_tell_nothing(change: tuple[str, str]) -> None:
    scene = fixed_scene(0, POLAR)
    text = text_file(scene, "ANG.txt").decode().replace(*change)
    assert footprint_of(text, metadata_facts(scene, "MTL.txt").grid) is None
    assert footprint_of(text, None) is None


# --- the service's own items --------------------------------------------------------------


def test_the_service_s_own_item_tells_what_the_metadata_would(data: Path) -> None:
    text = (data / "recorded_stac-item_LM01_L1GS_001010_19720908.json").read_text(encoding="utf-8")
    facts = read_item(text)
    assert facts.acquired == "1972-09-08T13:43:34.091000Z" and facts.cloud_cover == 43.0
    assert facts.scene_id == "LM10010101972252XXX01"
    assert facts.grid is not None and facts.grid.crs == Crs(32625)
    assert facts.footprint is not None and len(facts.footprint[0]) == 4


@given(
    st.text() | st.dictionaries(st.text(), st.none() | st.integers() | st.text()).map(json.dumps)
)
def test_items_of_any_kind_are_read_or_passed_by(text: str) -> None:
    read_item(text)
    footprint_of(text, Georeference(Crs(32606), (30.0, 0.0, 0.0, 0.0, -30.0, 0.0), (10, 10)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("datetime", "2020-03-10"),
        ("datetime", 5),
        ("eo:cloud_cover", True),
        ("view:sun_azimuth", "south"),
        ("landsat:scene_id", "x" * 500),
        ("proj:transform", [1, 2, None, 4, 5, 6]),
        ("landsat:note", "x" * 500),
        ("landsat:note", {"a": 1}),
    ],
)
def test_what_makes_no_sense_in_an_item_is_left_out(name: str, value: object) -> None:
    properties = {"proj:epsg": 32606, "proj:shape": [10, 10], name: value}
    assert read_item(json.dumps({"properties": properties})) == SceneFacts()


# --- footprints ---------------------------------------------------------------------------

BOX = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
BOW = ((0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0))


def over_the_edge(outline: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    return tuple(((x + 179.5 + 180) % 360 - 180, y) for x, y in outline)


def test_a_footprint_that_crosses_itself_is_not_believed() -> None:
    for outline, is_crossed in ((BOX, False), (BOW, True)):
        assert crosses_itself(outline) == crosses_itself(over_the_edge(outline)) == is_crossed
    assert plausible_footprint([BOX]) == (BOX,)
    assert plausible_footprint([BOX, BOW]) is None and plausible_footprint([]) is None


@pytest.mark.parametrize(
    ("footprint", "bbox"),
    [
        ((BOX,), [0, 0, 1, 1]),
        ((over_the_edge(BOX),), [179.5, 0, -179.5, 1]),
        # As the service cuts them itself.
        (
            (((179.5, 0), (180, 0), (180, 1)), ((-180, 0), (-179, 0), (-179, 1))),
            [179.5, 0, -179, 1],
        ),
        (
            (((-180, 0), (-179, 0), (-179, 1)), ((179, 0), (179.5, 0), (179.5, 1))),
            [-180, 0, 179.5, 1],
        ),
    ],
)
def test_the_box_is_around_all_parts(footprint: Any, bbox: list[float]) -> None:
    scene = "LC08_L2SP_068017_20200310_20200822_02_T1"
    files = [ItemFile(f"{scene}_ANG.txt", "x", 1)]
    assert make_item(scene, SceneFacts(footprint=footprint), files)["bbox"] == bbox


def test_what_was_seen_comes_before_the_frame_and_the_frame_before_nothing() -> None:
    scene = "LC08_L2SP_068017_20200310_20200822_02_T1"
    files = [ItemFile(f"{scene}_ANG.txt", "x", 1)]
    both = SceneFacts(footprint=(BOX,), frame=((5, 5), (6, 5), (6, 6), (5, 6)))
    assert make_item(scene, both, files)["bbox"] == [0, 0, 1, 1]
    assert make_item(scene, SceneFacts(frame=both.frame), files)["bbox"] == [5, 5, 6, 6]


# --- values and bits ----------------------------------------------------------------------


@pytest.mark.parametrize("scene", fixed_scenes(), ids=lambda scene: scene.display_id)
def test_bits_do_not_overlap_and_every_quality_band_has_some(scene: LandsatScene) -> None:
    satellite, letter = scene.product.satellite, scene.product.sensor
    family = scene.dataset.split("_")[1]
    assert instruments_of(family, letter)
    for file in files_of(scene.dataset):
        fields = bitfields_of(family, satellite, file.suffix)
        bits = [b for f in fields for b in range(f["offset"], f["offset"] + f["length"])]
        assert len(bits) == len(set(bits)) and bits == sorted(bits)
        is_quality = file.suffix in ("QA_PIXEL.TIF", "QA_RADSAT.TIF", "SR_CLOUD_QA.TIF")
        assert bool(fields) == (is_quality or file.suffix == "SR_QA_AEROSOL.TIF")


def test_level_1_is_scaled_by_its_own_metadata_only() -> None:
    scene = fixed_scene(0, MSS)
    files = [ItemFile(f"{MSS}_B4.TIF", "x", 1)]
    facts = metadata_facts(scene, "MTL.json")
    band = make_item(MSS, facts, files)["assets"]["green"]["raster:bands"][0]
    assert (band["scale"], band["offset"]) == (0.012901, -64.50605)
    assert band["unit"] == "watt/steradian/square_meter/micrometer"
    assert "raster:bands" not in make_item(MSS, SceneFacts(), files)["assets"]["green"]


@pytest.mark.parametrize(("name", "expected"), [(MSS, 0.0), (POLAR, None)])
def test_who_cannot_look_aside_looks_down(name: str, expected: float | None) -> None:
    files = [ItemFile(f"{name}_MTL.txt", "x", 1)]
    assert make_item(name, SceneFacts(), files)["properties"].get("view:off_nadir") == expected


def test_a_roll_is_how_far_it_looked_aside() -> None:
    text = '    NADIR_OFFNADIR = "OFFNADIR"\n    ROLL_ANGLE = -11.696\n'
    assert read_facts(text).off_nadir == 11.696


# --- marks --------------------------------------------------------------------------------

ITEM = {"id": "a", "properties": {"x": 1.5}, "links": [], "assets": {}}


def test_an_item_of_ours_is_known_until_somebody_changes_it() -> None:
    item = json.loads(json.dumps(marked(ITEM, basis_of("a", 1))))
    assert owner_of(item, "a", "./c") is Owner.OURS
    assert is_made_from(item, basis_of("a", 1)) and not is_made_from(item, basis_of("a", 2))
    for changed in ({**item, "id": "b"}, {**item, "properties": {**item["properties"], "x": 2}}):
        assert owner_of(changed, "a", "./c") is Owner.EDITED


@pytest.mark.parametrize("item", [5, [], {}, {"properties": 1}, ITEM, {**ITEM, "links": [1]}])
def test_an_item_without_marks_is_somebody_else_s(item: object) -> None:
    assert owner_of(item, "a", "./c") is Owner.OTHERS
    assert owner_of(None, "a", "./c") is Owner.NOBODY


def test_scenes_with_one_display_id_have_ids_of_their_own() -> None:
    assert item_id_of("a", SearchFacts("b")) == "a"
    assert item_id_of("a", SearchFacts("b", is_namesake=True)) == "a_b"
