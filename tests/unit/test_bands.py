"""What band words mean, per sensor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.m2m.bands import (
    DATASETS,
    band_words,
    common_names,
    files_of,
    is_partly_known,
    match_bands,
    should_have,
    stem_of,
    suggest,
    words_without_files,
)

OLI_1 = "LC09_L1TP_033041_20230728_20230830_02_T1"
OLI_2 = "LC08_L2SP_068017_20200310_20200822_02_T1"
ETM_1 = "LE07_L1TP_033041_20030728_20200830_02_T1"
ETM_2 = "LE07_L2SP_033041_20030728_20200830_02_T1"
TM_1 = "LT05_L1TP_010067_19860424_20200918_02_T1"
TM_2 = "LT05_L2SP_010067_19860424_20200918_02_T2"
MSS_EARLY = "LM01_L1GS_001010_19720908_20200909_02_T2"
MSS_LATE = "LM05_L1TP_033041_19850908_20200909_02_T2"
TILE = "LC09_CU_003004_20230909_20230914_02"


def suffixes_of(dataset: str) -> list[str]:
    return list(dict.fromkeys(file.suffix for file in files_of(dataset)))


def found(word: str, dataset: str, product_id: str) -> set[str]:
    return set(match_bands([word], suffixes_of(dataset), product_id)[word])


@pytest.mark.parametrize("dataset", DATASETS)
@given(data=st.data())
def test_an_exact_suffix_finds_itself_alone(dataset: str, data: st.DataObject) -> None:
    suffix = data.draw(st.sampled_from(suffixes_of(dataset)))
    word = data.draw(st.sampled_from([suffix, suffix.lower(), suffix.upper()]))
    assert match_bands([word], suffixes_of(dataset), "") == {word: (suffix,)}


@pytest.mark.parametrize("dataset", DATASETS)
@given(data=st.data())
def test_a_stem_finds_every_file_of_that_stem(dataset: str, data: st.DataObject) -> None:
    stem = stem_of(data.draw(st.sampled_from(suffixes_of(dataset))))
    assert found(stem, dataset, "") == {
        suffix for suffix in suffixes_of(dataset) if stem_of(suffix) == stem
    }


def test_band_1_is_not_band_10() -> None:
    assert found("B1", "landsat_ot_c2_l1", OLI_1) == {"B1.TIF"}


def test_mtl_means_both_metadata_files() -> None:
    assert found("MTL", "landsat_ot_c2_l2", OLI_2) == {"MTL.txt", "MTL.xml"}
    assert found("mtl.txt", "landsat_ot_c2_l2", OLI_2) == {"MTL.txt"}


@pytest.mark.parametrize(
    ("word", "count"), [("SR_*", 8), ("sr_b?", 7), ("*", 22), ("*.txt", 2), ("SR_B[23]", 2)]
)
def test_a_glob_matches_with_or_without_the_ending(word: str, count: int) -> None:
    assert len(found(word, "landsat_ot_c2_l2", OLI_2)) == count


@pytest.mark.parametrize(
    ("word", "dataset", "product_id", "suffixes"),
    [
        ("red", "landsat_ot_c2_l1", OLI_1, {"B4.TIF"}),
        ("pan", "landsat_ot_c2_l1", OLI_1, {"B8.TIF"}),
        ("lwir12", "landsat_ot_c2_l1", OLI_1, {"B11.TIF"}),
        ("Red", "landsat_ot_c2_l2", OLI_2, {"SR_B4.TIF"}),
        ("nir08", "landsat_ot_c2_l2", OLI_2, {"SR_B5.TIF"}),
        ("lwir11", "landsat_ot_c2_l2", OLI_2, {"ST_B10.TIF"}),
        ("qa_pixel", "landsat_ot_c2_l2", OLI_2, {"QA_PIXEL.TIF"}),
        ("qa_aerosol", "landsat_ot_c2_l2", OLI_2, {"SR_QA_AEROSOL.TIF"}),
        ("lwir", "landsat_etm_c2_l1", ETM_1, {"B6_VCID_1.TIF", "B6_VCID_2.TIF"}),
        ("red", "landsat_etm_c2_l2", ETM_2, {"SR_B3.TIF"}),
        ("cloud_qa", "landsat_etm_c2_l2", ETM_2, {"SR_CLOUD_QA.TIF"}),
        ("lwir", "landsat_tm_c2_l1", TM_1, {"B6.TIF"}),
        ("swir22", "landsat_tm_c2_l2", TM_2, {"SR_B7.TIF"}),
        ("lwir", "landsat_tm_c2_l2", TM_2, {"ST_B6.TIF"}),
        ("red", "landsat_mss_c2_l1", MSS_EARLY, {"B5.TIF"}),
        ("red", "landsat_mss_c2_l1", MSS_LATE, {"B2.TIF"}),
        ("nir09", "landsat_mss_c2_l1", MSS_LATE, {"B4.TIF"}),
        ("pan", "landsat_ot_c2_l2", OLI_2, set()),
        ("red", "landsat_ot_c2_l2", "M_2509703_NE_14_060_20201210", set()),
    ],
)
def test_a_common_name_means_the_band_of_the_sensor(
    word: str, dataset: str, product_id: str, suffixes: set[str]
) -> None:
    assert found(word, dataset, product_id) == suffixes


def test_the_red_of_a_tile_is_its_reflectance() -> None:
    assert match_bands(["red"], ["TOA_B4.TIF", "SR_B4.TIF"], TILE) == {"red": ("SR_B4.TIF",)}


def test_a_tile_of_no_known_instrument_has_no_common_names() -> None:
    assert common_names("LC01_CU_003004_20230909_20230914_02") == {}


def test_level_2_of_landsat_8_has_the_22_files_of_the_service() -> None:
    assert len(files_of("landsat_ot_c2_l2")) == 22


def test_an_unknown_dataset_has_no_known_files() -> None:
    assert files_of("naip") == ()


def test_a_slip_of_the_pen_is_recognised() -> None:
    assert suggest("sr_b44", ["ST_B10", "SR_B4", "QA_PIXEL"])[0] == "SR_B4"
    assert suggest("entirely else", ["SR_B4"]) == []


L2SP, L2SR = (f"LC08_{level}_067018_20200303_20200822_02_T1" for level in ("L2SP", "L2SR"))
BOTH, OLI, TIRS, MSS = (
    f"{start}_067018_20200303_20200822_02_T1"
    for start in ("LC08_L1TP", "LO08_L1TP", "LT08_L1GT", "LM02_L1TP")
)


@pytest.mark.parametrize(
    ("product_id", "due", "lacking"),
    [
        (L2SP, ["SR_B4", "red", "ST_B10", "lwir11", "QA_PIXEL", "MTL", "ST_*"], ["B4", "pan"]),
        (L2SR, ["SR_B4", "red", "QA_PIXEL"], ["ST_B10", "ST_*", "lwir11"]),
        (BOTH, ["B4", "B10", "red", "lwir11", "ANG", "VAA"], ["SR_B4", "GCP", "VER"]),
        (OLI, ["B4", "pan"], ["B10", "B11", "lwir12"]),
        (TIRS, ["B10", "QA_PIXEL"], ["B4", "pan", "cirrus"]),
        (MSS, ["B4", "red"], ["B1", "B10"]),
        ("LT05_L1TP_067018_19900303_20200822_02_T1", ["B6", "B1", "lwir"], ["B8"]),
        ("M_2509703_NE_14_060_20201210", [], ["red", "B4", "*"]),
        ("LC08_CU_003004_20200303_20200822_02", [], ["SR_B4"]),
    ],
)
def test_what_a_product_should_have_is_known_from_its_id(
    product_id: str, due: list[str], lacking: list[str]
) -> None:
    words = [*due, *lacking]
    assert [word for word in words if should_have(product_id, word)] == due


def test_the_gap_masks_of_landsat_7_are_known_and_no_scene_owes_them() -> None:
    masks = [f"GM_B{band}" for band in ("1", "2", "3", "4", "5", "6_VCID_1", "6_VCID_2", "7", "8")]
    assert found("GM_*", "landsat_etm_c2_l1", ETM_1) == {f"{mask}.TIF" for mask in masks}
    assert found("B1", "landsat_etm_c2_l1", ETM_1) == {"B1.TIF"}
    assert words_without_files("landsat_etm_c2_l1", masks) == ()
    assert not any(should_have(ETM_1, mask) for mask in masks)


OLDER_TILE = "LE07_CU_027018_20171220_20210503_02"


@pytest.mark.parametrize(
    ("word", "tile", "suffixes"),
    [
        ("red", TILE, {"SR_B4.TIF"}),
        ("red", OLDER_TILE, {"SR_B3.TIF"}),
        ("cirrus", TILE, {"TOA_B9.TIF"}),
        ("lwir11", TILE, {"ST_B10.TIF"}),
        ("lwir12", TILE, {"BT_B11.TIF"}),
        ("lwir", OLDER_TILE, {"ST_B6.TIF"}),
        ("cloud_qa", OLDER_TILE, {"SR_CLOUD_QA.TIF"}),
        ("QA_LINEAGE", OLDER_TILE, {"QA_LINEAGE.TIF"}),
        ("qa_pixel", TILE, {"QA_PIXEL.TIF"}),
    ],
)
def test_the_common_names_of_a_tile_follow_its_satellite(
    word: str, tile: str, suffixes: set[str]
) -> None:
    assert found(word, "landsat_ard_tile_c2", tile) == suffixes


def test_tiles_may_have_bands_that_are_not_listed_here() -> None:
    assert is_partly_known("landsat_ard_tile_c2") and is_partly_known("landsat_dswe_tile_c2")
    assert not is_partly_known("landsat_ot_c2_l2")


def test_level_3_has_layers_of_its_own() -> None:
    assert found("INWAM", "landsat_dswe_tile_c2", f"{TILE}_DSWE") == {"INWAM.TIF"}
    assert found("GROUND_SNOW", "landsat_fsca_tile_c2", f"{TILE}_SNOW") == {"GROUND_SNOW.TIF"}


@pytest.mark.parametrize(
    ("word", "meant"), [("B4", "SR_B4"), ("b10", "ST_B10"), ("pixel", "QA_PIXEL")]
)
def test_a_band_without_its_level_is_recognised(word: str, meant: str) -> None:
    assert suggest(word, ["ST_B10", "SR_B4", "QA_PIXEL"])[0] == meant


def test_a_band_with_the_level_of_another_dataset_is_recognised() -> None:
    assert suggest("SR_B4", ["B4", "B40"])[0] == "B4"


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("B4", "SR_B4"),
        ("b04", "SR_B4"),
        ("band4", "SR_B4"),
        ("Band 4", "SR_B4"),
        ("SR_B04", "SR_B4"),
        ("B10", "ST_B10"),
        ("SR_B10", "ST_B10"),
        ("ST_B4", "SR_B4"),
        ("AEROSOL", "SR_QA_AEROSOL"),
        ("QA_PIX", "QA_PIXEL"),
    ],
)
def test_a_band_of_another_level_or_spelling_is_known_by_its_number(word: str, meant: str) -> None:
    assert suggest(word, band_words("landsat_ot_c2_l2"))[0].upper() == meant


def test_what_lacks_an_end_is_known_by_its_beginning() -> None:
    assert suggest("QA", band_words("landsat_ot_c2_l1")) == ["qa_pixel", "qa_radsat"]
