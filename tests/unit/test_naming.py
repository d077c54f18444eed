"""The id grammar: what is read is written back, and nothing else is taken for an id."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.m2m.naming import (
    ArdId,
    ProductId,
    SceneId,
    dataset_of,
    file_suffix,
    parse_ard_id,
    parse_product_id,
    parse_scene_id,
    product_id_of_file,
    secondary_entity_id,
)

OLI = "LC08_L2SP_068017_20200310_20200822_02_T1"
TILE = "LC09_CU_003004_20230909_20230914_02"

days = st.dates(min_value=date(1972, 7, 23), max_value=date(2099, 12, 31))
three_digits = st.integers(0, 999)
sensors = st.sampled_from("COTEM")

product_ids = st.builds(
    ProductId,
    sensor=sensors,
    satellite=st.integers(1, 9),
    level=st.sampled_from(["L1TP", "L1GT", "L1GS", "L2SP", "L2SR"]),
    path=three_digits,
    row=three_digits,
    acquired=days,
    processed=days,
    collection=st.integers(0, 99),
    tier=st.sampled_from(["T1", "T2", "RT"]),
)
scene_ids = st.builds(
    SceneId,
    sensor=sensors,
    satellite=st.integers(1, 9),
    path=three_digits,
    row=three_digits,
    acquired=days,
    station=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=3, max_size=3),
    version=st.integers(0, 99),
)
ard_ids = st.builds(
    ArdId,
    sensor=sensors,
    satellite=st.integers(1, 9),
    region=st.sampled_from(["CU", "AK", "HI"]),
    horizontal=three_digits,
    vertical=three_digits,
    acquired=days,
    processed=days,
    collection=st.integers(0, 99),
)


@given(product_ids)
def test_a_product_id_survives_text(product: ProductId) -> None:
    assert parse_product_id(str(product)) == product


@given(scene_ids)
def test_a_scene_id_survives_text(scene: SceneId) -> None:
    assert parse_scene_id(str(scene)) == scene


@given(ard_ids)
def test_an_ard_id_survives_text(tile: ArdId) -> None:
    assert parse_ard_id(str(tile)) == tile


@given(st.one_of(st.text(), st.from_regex(r"L[A-Z]0[0-9]_[A-Z0-9_]{10,40}", fullmatch=True)))
def test_what_is_read_is_written_back_byte_for_byte(text: str) -> None:
    for parse in (parse_product_id, parse_scene_id, parse_ard_id):
        found = parse(text)
        assert found is None or str(found) == text


def test_the_parts_of_a_product_id() -> None:
    assert parse_product_id(OLI) == ProductId(
        sensor="C",
        satellite=8,
        level="L2SP",
        path=68,
        row=17,
        acquired=date(2020, 3, 10),
        processed=date(2020, 8, 22),
        collection=2,
        tier="T1",
    )


def test_the_day_of_the_year_of_a_scene_id_becomes_a_date() -> None:
    scene = parse_scene_id("LC80680172020070LGN00")
    assert scene is not None
    assert (scene.acquired, scene.station, scene.version) == (date(2020, 3, 10), "LGN", 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        OLI + " ",
        OLI + "\n",
        OLI.lower(),
        OLI + "_SR_B4.TIF",
        OLI.replace("20200310", "20200230"),
        OLI.replace("L2SP", "L3SP"),
        OLI.replace("T1", "T3"),
        OLI.replace("068017", "٠٦٨٠١٧"),
    ],
)
def test_other_text_is_no_product_id(text: str) -> None:
    assert parse_product_id(text) is None


@pytest.mark.parametrize("text", [TILE.replace("20230914", "20230931"), TILE + "_SR_B2.TIF"])
def test_other_text_is_no_ard_id(text: str) -> None:
    assert parse_ard_id(text) is None


@pytest.mark.parametrize("day_of_year", ["000", "366", "999"])
def test_a_day_that_the_year_has_not_makes_no_scene_id(day_of_year: str) -> None:
    assert parse_scene_id(f"LC80680172021{day_of_year}LGN00") is None


@pytest.mark.parametrize("year", ["0000", "9999"])
def test_a_year_out_of_the_calendar_makes_no_scene_id(year: str) -> None:
    assert parse_scene_id(f"LC8068017{year}366LGN00") is None


@pytest.mark.parametrize(
    ("product_id", "suffix", "entity_id"),
    [
        (OLI, "SR_B4.TIF", f"L2SR_{OLI}_SR_B4_TIF"),
        (OLI, "SR_QA_AEROSOL.TIF", f"L2SR_{OLI}_SR_QA_AEROSOL_TIF"),
        (OLI, "QA_PIXEL.TIF", f"L2SR_{OLI}_QA_PIXEL_TIF"),
        (OLI, "ST_B10.TIF", f"L2ST_{OLI}_ST_B10_TIF"),
        (OLI, "ANG.txt", f"L2ST_{OLI}_ANG_TXT"),
        (OLI, "MTL.xml", f"L2ST_{OLI}_MTL_XML"),
        (
            "LC09_L1TP_033041_20230728_20230830_02_T1",
            "ANG.txt",
            "L1_LC09_L1TP_033041_20230728_20230830_02_T1_ANG_TXT",
        ),
    ],
)
def test_a_file_is_listed_under_the_prefix_of_its_half(
    product_id: str, suffix: str, entity_id: str
) -> None:
    assert secondary_entity_id(product_id, suffix) == entity_id


def test_a_foreign_id_has_no_secondary_entity() -> None:
    with pytest.raises(ValueError, match="not a Landsat product id"):
        secondary_entity_id("M_2509703_NE_14_060_20201210", "SR_B4.TIF")


@given(product_ids, st.sampled_from(["SR_B1.TIF", "B10.TIF", "MTL.txt"]))
def test_a_file_name_splits_into_id_and_suffix(product: ProductId, suffix: str) -> None:
    name = f"{product}_{suffix}"
    assert product_id_of_file(name) == str(product)
    assert file_suffix(name, str(product)) == suffix


@pytest.mark.parametrize(
    ("name", "product_id"),
    [
        (OLI, OLI),
        (f"{OLI}.tar", OLI),
        (f"{TILE}_SR_B2.TIF", TILE),
        (f"{OLI}X.tar", None),
        (OLI.replace("20200310", "20201399") + ".tar", None),
        (f"L2SR_{OLI}_SR_B4_TIF", None),
        ("m_3109742_nw_14_060_20201206.tif", None),
    ],
)
def test_the_id_that_a_file_name_begins_with(name: str, product_id: str | None) -> None:
    assert product_id_of_file(name) == product_id


def test_a_foreign_file_name_is_its_own_suffix() -> None:
    assert file_suffix("ned19.tif", OLI) == "ned19.tif"


@pytest.mark.parametrize(
    ("product_id", "dataset"),
    [
        (OLI, "landsat_ot_c2_l2"),
        ("LO08_L1TP_068017_20200310_20200822_02_T1", "landsat_ot_c2_l1"),
        ("LT08_L1GT_068017_20200310_20200822_02_T2", "landsat_ot_c2_l1"),
        ("LE07_L2SR_068017_20200310_20200822_02_T1", "landsat_etm_c2_l2"),
        ("LT05_L2SP_010067_19860424_20200918_02_T2", "landsat_tm_c2_l2"),
        ("LM01_L1GS_001010_19720908_20200909_02_T2", "landsat_mss_c2_l1"),
        ("LM01_L2SP_001010_19720908_20200909_02_T2", None),
        ("LC07_L2SP_068017_20200310_20200822_02_T1", None),
        ("LC08_L1TP_226078_20200804_20200821_01_T1", None),
        (TILE, "landsat_ard_tile_c2"),
        (TILE[:-2] + "01", None),
        ("3014295", None),
    ],
)
def test_the_dataset_that_holds_an_id(product_id: str, dataset: str | None) -> None:
    assert dataset_of(product_id) == dataset


TILE = "LC09_CU_003004_20230909_20230914_02"


@pytest.mark.parametrize(
    ("theme", "dataset"),
    [
        ("DSWE", "landsat_dswe_tile_c2"),
        ("BA", "landsat_ba_tile_c2"),
        ("SNOW", "landsat_fsca_tile_c2"),
    ],
)
def test_what_level_3_makes_of_a_tile_is_in_a_dataset_of_its_own(theme: str, dataset: str) -> None:
    product_id = f"{TILE}_{theme}"
    tile = parse_ard_id(product_id)
    assert tile is not None and (tile.theme, tile.tile, str(tile)) == (theme, TILE, product_id)
    assert (dataset_of(TILE), dataset_of(product_id)) == ("landsat_ard_tile_c2", dataset)
    assert product_id_of_file(f"{product_id}.tar") == product_id


@pytest.mark.parametrize(
    ("file", "product_id", "suffix"),
    [
        (f"{TILE}_INWAM.TIF", f"{TILE}_DSWE", "INWAM.TIF"),
        (f"{TILE}_GROUND_SNOW.TIF", f"{TILE}_SNOW", "GROUND_SNOW.TIF"),
        (f"{TILE}_BC.TIF", f"{TILE}_BA", "BC.TIF"),
        (f"{TILE}_DSWE_stac.json", f"{TILE}_DSWE", "stac.json"),
        (f"{TILE}_SR_B4.TIF", TILE, "SR_B4.TIF"),
    ],
)
def test_the_files_of_level_3_begin_with_the_id_of_their_tile(
    file: str, product_id: str, suffix: str
) -> None:
    assert product_id_of_file(file) == product_id
    assert file_suffix(file, product_id) == suffix


def test_a_word_that_is_no_product_of_level_3_is_no_part_of_an_id() -> None:
    assert parse_ard_id(f"{TILE}_FIRE") is None
    assert product_id_of_file(f"{TILE}_BADGE.TIF") == TILE


def test_the_folder_of_a_gap_mask_is_no_part_of_its_suffix() -> None:
    scene = "LE07_L1GT_091080_20080114_20200913_02_T2"
    assert file_suffix(f"gap_mask/{scene}_GM_B1.TIF", scene) == "GM_B1.TIF"
    assert file_suffix("gap_mask/README.txt", scene) == "gap_mask/README.txt"
