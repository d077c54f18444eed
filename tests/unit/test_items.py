"""STAC items are valid, speak of the files that are there, and leave out what is unknown."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pystac.errors import STACValidationError
from pystac.validation import RegisteredValidator, validate_dict

from asyncdl.items.collection import make_collection
from asyncdl.items.facts import SceneFacts
from asyncdl.items.item import ItemFile, Retired, make_item
from asyncdl.items.landsat import DATASETS
from asyncdl.items.metadata import read_facts
from asyncdl.items.projections import Crs, from_utm
from asyncdl.items.raster_head import Georeference, Samples, read_georeference, read_samples
from asyncdl.m2m import bands
from asyncdl.m2m.bands import files_of
from asyncdl.m2m.naming import LEVEL_3_DATASETS
from asyncdl.sandbox.geometry import to_utm, utm_zone
from asyncdl.transfer.verification.malformed import Malformed
from asyncdl.transfer.verification.tiff import read_numbers
from tests.unit.stac_schemas import schemas

SCENE = "LC08_L2SP_068017_20200310_20200822_02_T1"
TILE = "LC09_CU_003004_20230909_20230914_02"
FOOTPRINT = ((-151.0, 62.0), (-151.0, 60.0), (-147.0, 60.0), (-147.0, 62.0))
FACTS = SceneFacts(
    acquired="2020-03-10T21:17:05.971077Z",
    cloud_cover=12.5,
    cloud_cover_land=10.0,
    sun_azimuth=170.0,
    sun_elevation=23.5,
    off_nadir=0.0,
    scene_id="LC80680172020070LGN00",
    footprint=(FOOTPRINT,),
)
UTM = Georeference(Crs(32606), (30.0, 0.0, 300000.0, 0.0, -30.0, 6800000.0), (100, 200))
SHA = {"sha256": "ab" * 32}


def test_every_dataset_of_known_files_has_a_title_and_a_doi_or_is_left_out_on_purpose() -> None:
    """Those of level 3 have no DOI on record."""
    assert set(bands.DATASETS) - set(LEVEL_3_DATASETS.values()) == set(DATASETS)


def file(suffix: str, georeference: Georeference | None = None, scene: str = SCENE) -> ItemFile:
    name = f"{scene}_{suffix}"
    return ItemFile(name, f"../../bands/{scene}/{name}", 10, SHA, georeference)


def validate(value: dict[str, Any]) -> None:
    """Check with pystac, its own schemas of the core, and ours of the extensions."""
    validator = RegisteredValidator.get_validator()
    validator.schema_cache.update(schemas())  # type: ignore[attr-defined]  # as its documentation has it
    told = validate_dict(value)
    assert len(told) == 1 + len(value["stac_extensions"])


ITEM = make_item(SCENE, FACTS, [file("SR_B4.TIF", UTM), file("MTL.txt")])


def test_an_item_is_valid_with_every_extension() -> None:
    validate(ITEM)
    assert len(ITEM["stac_extensions"]) == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [("file:size", -1), ("file:checksum", "12ab"), ("eo:shade", 1), ("proj:shape", [1])],
)
def test_the_validator_finds_what_is_wrong(name: str, value: object) -> None:
    red = {**ITEM["assets"]["red"], name: value}
    with pytest.raises(STACValidationError):
        validate({**ITEM, "assets": {"red": red}})


@pytest.mark.parametrize("dataset", list(DATASETS))
def test_every_file_of_every_dataset_has_a_place_in_its_item(dataset: str) -> None:
    scene = {
        "landsat_ot_c2_l1": "LC08_L1TP_068017_20200310_20200822_02_T1",
        "landsat_ot_c2_l2": SCENE,
        "landsat_etm_c2_l1": "LE07_L1TP_068017_20200310_20200822_02_T1",
        "landsat_etm_c2_l2": "LE07_L2SP_068017_20200310_20200822_02_T1",
        "landsat_tm_c2_l1": "LT05_L1TP_068017_19900310_20200822_02_T1",
        "landsat_tm_c2_l2": "LT05_L2SP_068017_19900310_20200822_02_T1",
        "landsat_mss_c2_l1": "LM05_L1TP_068017_19900310_20200822_02_T2",
        "landsat_ard_tile_c2": TILE,
    }[dataset]
    suffixes = {known.suffix for known in files_of(dataset)} or {"SR_B4.TIF"}
    item = make_item(scene, SceneFacts(), [file(s, scene=scene) for s in sorted(suffixes)])
    validate(item)
    assert len(item["assets"].keys() - {"index"}) == len(suffixes)
    assert item["properties"]["sci:doi"] == DATASETS[dataset].doi


def test_a_field_that_nothing_tells_is_left_out() -> None:
    item = make_item(SCENE, SceneFacts(), [file("ANG.txt")])
    validate(item)
    properties = item["properties"]
    assert properties["datetime"] is None and properties["start_datetime"] == "2020-03-10T00:00:00Z"
    assert not [name for name in properties if name.startswith(("eo:", "view:", "proj:"))]
    assert item["geometry"] is None and "bbox" not in item


@pytest.mark.parametrize(
    ("suffix", "key"),
    [
        ("SR_B4.TIF", "red"),
        ("ST_B10.TIF", "lwir11"),
        ("QA_PIXEL.TIF", "qa_pixel"),
        ("ST_QA.TIF", "QA"),
        ("ST_ATRAN.TIF", "ATRAN"),
        ("thumb_small.jpeg", "thumbnail"),
        ("MTL.json", "MTL.json"),
    ],
)
def test_assets_go_by_the_names_that_the_service_has(suffix: str, key: str) -> None:
    assert list(make_item(SCENE, FACTS, [file(suffix)])["assets"]) == [key, "index"]


def test_an_asset_tells_size_digest_band_and_grid() -> None:
    red = ITEM["assets"]["red"]
    assert (red["file:size"], red["file:checksum"]) == (10, f"1220{'ab' * 32}")
    (band,) = red["eo:bands"]
    assert (band["name"], band["common_name"], band["center_wavelength"]) == ("B4", "red", 0.65)
    assert red["raster:bands"] == [{"scale": 2.75e-05, "offset": -0.2, "spatial_resolution": 30.0}]
    assert (red["proj:code"], red["proj:shape"]) == ("EPSG:32606", [100, 200])


@pytest.mark.parametrize("successor", ["", "LC08_L2SP_068017_20200310_20260101_02_T1"])
def test_what_was_taken_back_is_deprecated_and_leads_to_what_took_its_place(successor: str) -> None:
    item = make_item(SCENE, FACTS, [file("SR_B4.TIF", UTM)], Retired(successor))
    validate(item)
    assert item["properties"]["deprecated"] is True and "deprecated" not in ITEM["properties"]
    hrefs = {link["href"] for link in item["links"] if link["rel"].endswith("-version")}
    assert hrefs == ({f"./{successor}.json"} if successor else set())


def test_an_href_is_quoted() -> None:
    odd = ItemFile(f"{SCENE}_ANG.txt", "../a folder#1/x", 1)
    assert make_item(SCENE, FACTS, [odd])["assets"]["ANG.txt"]["href"] == "../a%20folder%231/x"


def test_a_scene_over_the_antimeridian_has_two_parts() -> None:
    ring = ((179.0, 62.0), (179.0, 60.0), (-179.0, 60.0), (-179.0, 62.0))
    item = make_item(SCENE, SceneFacts(footprint=(ring,)), [file("ANG.txt")])
    validate(item)
    assert item["geometry"]["type"] == "MultiPolygon"
    assert item["bbox"] == [179.0, 60.0, -179.0, 62.0]


def test_without_metadata_the_grid_tells_where_the_scene_is() -> None:
    item = make_item(SCENE, SceneFacts(), [file("SR_B4.TIF", UTM)])
    validate(item)
    west, south, east, north = item["bbox"]
    assert -151 < west < east < -150 and 61 < south < north < 62


def test_a_collection_spans_its_items() -> None:
    other = make_item(SCENE, SceneFacts(), [file("ANG.txt")])
    collection = make_collection("landsat_ot_c2_l2", [ITEM, other])
    validate(collection)
    assert collection["extent"]["spatial"]["bbox"] == [ITEM["bbox"]]
    assert collection["extent"]["temporal"]["interval"] == [
        ["2020-03-10T00:00:00Z", "2020-03-10T23:59:59Z"]
    ]
    assert sum(link["rel"] == "item" for link in collection["links"]) == 2


# --- metadata -----------------------------------------------------------------------------

Tag = tuple[int, int, int, bytes]
"""Number, type, count and values."""

TEXT = """GROUP = LANDSAT_METADATA_FILE
  GROUP = IMAGE_ATTRIBUTES
    DATE_ACQUIRED = 2020-03-10
    SCENE_CENTER_TIME = "21:17:05.9710770Z"
    CLOUD_COVER = 12.50
    NADIR_OFFNADIR = "NADIR"
    SUN_AZIMUTH = -190.0
    SUN_ELEVATION = 23.5
  END_GROUP = IMAGE_ATTRIBUTES
  GROUP = LEVEL1_PROCESSING_RECORD
    CLOUD_COVER = 99.0
  END_GROUP = LEVEL1_PROCESSING_RECORD
END_GROUP = LANDSAT_METADATA_FILE
"""
XML = """<LANDSAT_METADATA_FILE><DATE_ACQUIRED>2020-03-10</DATE_ACQUIRED>
<SCENE_CENTER_TIME>21:17:05.9710770Z</SCENE_CENTER_TIME><CLOUD_COVER>12.50</CLOUD_COVER>
<NADIR_OFFNADIR>NADIR</NADIR_OFFNADIR><SUN_AZIMUTH>-190.0</SUN_AZIMUTH>
<SUN_ELEVATION>23.5</SUN_ELEVATION></LANDSAT_METADATA_FILE>"""
JSON = """{"LANDSAT_METADATA_FILE": {"IMAGE_ATTRIBUTES": {
    "DATE_ACQUIRED": "2020-03-10",
    "SCENE_CENTER_TIME": "21:17:05.9710770Z",
    "CLOUD_COVER": "12.50",
    "NADIR_OFFNADIR": "NADIR",
    "SUN_AZIMUTH": -190.0,
    "SUN_ELEVATION": "23.5"
}}}"""


ONE_LINE = json.dumps(json.loads(JSON))
"""As most real ones are."""


@pytest.mark.parametrize("text", [TEXT, XML, JSON, ONE_LINE, f"\ufeff{ONE_LINE}"])
def test_all_forms_of_the_metadata_tell_the_same(text: str) -> None:
    assert read_facts(text) == SceneFacts(
        acquired="2020-03-10T21:17:05.971077Z",
        cloud_cover=12.5,
        sun_azimuth=170.0,
        sun_elevation=23.5,
        off_nadir=0.0,
    )


def test_the_fields_of_the_product_come_before_those_it_was_made_from() -> None:
    groups = {"IMAGE_ATTRIBUTES": {"CLOUD_COVER": 1.0}, "LEVEL1": {"CLOUD_COVER": 2.0}}
    assert read_facts(json.dumps({"LANDSAT_METADATA_FILE": groups})).cloud_cover == 1.0


def test_what_one_file_lacks_another_one_may_have() -> None:
    facts = read_facts('{"CLOUD_COVER": 3}').or_else(read_facts(TEXT))
    assert (facts.cloud_cover, facts.sun_elevation) == (3.0, 23.5)


def test_cloud_cover_that_is_not_known_is_left_out() -> None:
    assert read_facts("    CLOUD_COVER = -1.00\n").cloud_cover is None


@given(st.text())
def test_metadata_of_any_kind_are_read_or_passed_by(text: str) -> None:
    read_facts(text)


# --- georeference -------------------------------------------------------------------------


@given(st.floats(-179.9, 179.9), st.floats(-80, 84), st.floats(-3, 3))
def test_a_point_in_utm_comes_back_to_where_it_was(
    longitude: float, latitude: float, aside: float
) -> None:
    zone = utm_zone(longitude)
    meridian = zone * 6 - 183
    point = (meridian + aside, latitude)
    east, north = from_utm(*to_utm(point, zone), zone)
    assert abs(north - latitude) < 1e-6
    assert abs((east - point[0] + 180) % 360 - 180) < 1e-5


def geotiff(*, raster_type: int = 1, code: int = 32606, more: Sequence[Tag] = ()) -> bytes:
    """A GeoTIFF of 20 by 10 pixels of 30 m, of which there is only the head."""
    keys = (1, 1, 0, 2, 1025, 0, 1, raster_type, 3072, 0, 1, code)
    tags: list[Tag] = [
        (256, 3, 1, struct.pack("<HH", 20, 0)),
        (257, 3, 1, struct.pack("<HH", 10, 0)),
        (33550, 12, 3, struct.pack("<3d", 30, 30, 0)),
        (33922, 12, 6, struct.pack("<6d", 0, 0, 0, 300000, 6800000, 0)),
        (34735, 3, len(keys), struct.pack(f"<{len(keys)}H", *keys)),
        *more,
    ]
    values_at = 8 + 2 + 12 * len(tags) + 4
    entries = values = b""
    for tag, kind, count, value in tags:
        place = value if len(value) <= 4 else struct.pack("<I", values_at + len(values))
        values += b"" if len(value) <= 4 else value
        entries += struct.pack("<HHI", tag, kind, count) + place
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    return head + entries + bytes(4) + values


@pytest.mark.parametrize(
    ("raster_type", "code", "epsg", "left"),
    [(1, 32606, 32606, 300000.0), (2, 32606, 32606, 299985.0), (1, 32767, None, 300000.0)],
)
def test_the_grid_is_read_out_of_the_head(
    tmp_path: Path, raster_type: int, code: int, epsg: int | None, left: float
) -> None:
    path = tmp_path / "a.TIF"
    path.write_bytes(geotiff(raster_type=raster_type, code=code))
    found = read_georeference(path)
    assert found is not None and (found.crs.epsg, found.shape) == (epsg, (10, 20))
    assert (found.transform[0], found.transform[2]) == (30.0, left)


@pytest.mark.parametrize(
    ("bits", "form", "text", "expected"),
    [
        (16, 1, b"0\0", Samples("uint16", 0)),
        (16, 2, b"-9999\0", Samples("int16", -9999)),
        (32, 3, b"nan\0", Samples("float32", "nan")),
        (32, 3, b"0.5", Samples("float32", 0.5)),
        (8, 1, b"none", Samples("uint8", None)),
        (64, 3, b"inf", Samples("float64", None)),
        (12, 1, b"0\0", None),
        (16, 9, b"0\0", None),
    ],
)
def test_the_type_of_the_numbers_is_read_out_of_the_head(
    tmp_path: Path, bits: int, form: int, text: bytes, expected: Samples | None
) -> None:
    path = tmp_path / "a.TIF"
    more = ((258, 3, 1, struct.pack("<HH", bits, 0)), (339, 3, 1, struct.pack("<HH", form, 0)))
    path.write_bytes(geotiff(more=(*more, (42113, 2, len(text), text.ljust(4, b"\0")))))
    assert read_samples(path) == expected


def test_an_asset_tells_the_type_of_its_numbers() -> None:
    told = replace(file("QA_PIXEL.TIF"), samples=Samples("uint16", 1))
    item = make_item(SCENE, FACTS, [told])
    validate(item)
    assert item["assets"]["qa_pixel"]["data_type"] == "uint16"
    assert item["assets"]["qa_pixel"]["nodata"] == 1


@pytest.mark.parametrize("content", [b"", b"no TIFF at all", geotiff()[:60]])
def test_what_has_no_grid_gives_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.TIF"
    path.write_bytes(content)
    assert read_georeference(path) is None
    assert read_samples(path) is None


@given(st.binary(max_size=200))
def test_numbers_out_of_any_bytes_are_read_or_refused(tail: bytes) -> None:
    data = b"II*\0\x08\0\0\0" + tail
    with suppress(Malformed):
        read_numbers(io.BytesIO(data), len(data), (256, 33550, 34735))
