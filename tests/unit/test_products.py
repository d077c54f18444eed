"""Which of a scene's products is meant: by code, by words of its name, or the scene as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.errors import ConfigError
from asyncdl.job.choosing.selecting import check_choices, check_clarity
from asyncdl.m2m.downloads.products import ListedProduct, Unclear, choose
from asyncdl.m2m.downloads.selection import BundleWanted, select_files
from asyncdl.m2m.models import DownloadOption, Flag, read_reply
from tests.unit.test_selection import options, reply, row, single

TILE = "LC09_CU_003004_20230909_20230914_02"
ARD = {
    "D771": ("U.S. Landsat ARD Tile Files", "folder"),
    "D772": ("U.S. Landsat ARD Metadata Bundle", "dds"),
    "D773": ("U.S. Landsat ARD Surface Reflectance Bundle", "dds"),
    "D774": ("U.S. Landsat ARD Surface Temperature Bundle", "dds"),
    "D775": ("U.S. Landsat ARD Top of Atmosphere Reflectance Bundle", "dds"),
    "D776": ("U.S. Landsat ARD Brightness Temperature Bundle", "dds"),
    "D777": ("U.S. Landsat ARD Quality Assessment Bundle", "dds"),
}
SRTM = {
    "D536": ("DTED 1 Arc-second", "dds"),
    "D537": ("DTED 3 Arc-second", "dds"),
    "D538": ("BIL 1 Arc-second", "dds"),
    "D539": ("GeoTIFF 1 Arc-second", "dds"),
    "D540": ("GeoTIFF 3 Arc-second", "dds"),
}
"""The names are those that the service gives; the codes but D539 are not on record."""


def listed(products: dict[str, tuple[str, str]], scene: str, **more: Any) -> list[DownloadOption]:
    return [
        row(
            id=f"id-{code}", entity_id=scene, display_id=scene, product_code=code,
            product_name=name, download_system=system, **more,
        )
        for code, (name, system) in products.items()
    ]  # fmt: skip


TILE_ROWS = listed(ARD, TILE, secondary_downloads=[single("SR_B4.TIF")])
SRTM_ROWS = listed(SRTM, "SRTM1N34W119V3")
LEVEL_1 = read_reply(
    [
        {**told, "checksum": None}
        for told in reply("recorded_download-options_landsat_ot_c2_l1_2025-10.json")
    ],
    list[DownloadOption],
)
NAIP = options("recorded_download-options_naip_trimmed.json")[:2]


@pytest.mark.parametrize(
    ("rows", "wanted", "code"),
    [
        (TILE_ROWS, "D773", "D773"),
        (TILE_ROWS, " d773 ", "D773"),
        (TILE_ROWS, "surface reflectance", "D773"),
        (TILE_ROWS, "Reflectance, SURFACE!", "D773"),
        (TILE_ROWS, "quality", "D777"),
        (SRTM_ROWS, "GeoTIFF 1 arc-second", "D539"),
        (SRTM_ROWS, "geotiff 3 arc second", "D540"),
        (SRTM_ROWS, "bil", "D538"),
        (NAIP, "compressed", "D482"),
        (NAIP, None, "D441"),
        (LEVEL_1, None, "D805"),
        (LEVEL_1, "D734", "D734"),
        (LEVEL_1, "full resolution browse reflective geotiff", "D734"),
        (LEVEL_1, "Product Bundle", "D805"),
        (LEVEL_1, "D690", "D690"),
    ],
)
def test_the_product_that_is_meant(
    rows: list[DownloadOption], wanted: str | None, code: str
) -> None:
    """Code first, then names; a picture of the scene only when it is asked for."""
    chosen = choose(rows, wanted)
    assert isinstance(chosen, DownloadOption) and chosen.product_code == code


@pytest.mark.parametrize(
    ("rows", "wanted", "codes"),
    [
        (TILE_ROWS, None, ["D772", "D773", "D774", "D775", "D776", "D777"]),
        (TILE_ROWS, "reflectance", ["D773", "D775"]),
        (SRTM_ROWS, None, ["D536", "D537", "D538", "D539", "D540"]),
        (SRTM_ROWS, "geotiff", ["D539", "D540"]),
        (LEVEL_1, "thermal", ["D732", "D735"]),
    ],
)
def test_what_several_products_are_is_not_guessed(
    rows: list[DownloadOption], wanted: str | None, codes: list[str]
) -> None:
    chosen = choose(rows, wanted)
    assert isinstance(chosen, Unclear) and [p.code for p in chosen.candidates] == codes
    missing = select_files(rows, [BundleWanted(product=wanted)]).missing
    with pytest.raises(ConfigError, match="several products") as refused:
        check_clarity(missing)
    assert all(code in refused.value.allowed for code in codes)
    assert refused.value.key == "products.product"


def test_what_is_not_offered_at_present_makes_no_choice_clear() -> None:
    """Else a tile whose other products are late would come as something else."""
    rows = [
        row(
            id=f"id-{n}",
            display_id="S",
            product_name=name,
            download_system="dds",
            available=Flag(n),
        )
        for n, name in enumerate(["High Resolution", "Medium Resolution"])
    ]
    assert isinstance(choose(rows, None), Unclear)
    chosen = choose(rows, "high")
    assert isinstance(chosen, DownloadOption) and chosen.id == "id-0"


def test_a_name_that_is_given_whole_goes_before_those_that_hold_its_words() -> None:
    rows = listed({"A": ("Compressed", "dds"), "B": ("Compressed Lossless", "dds")}, "S")
    chosen = choose(rows, "compressed")
    assert isinstance(chosen, DownloadOption) and chosen.product_code == "A"


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ("D778", "did you mean D77"),
        ("surface reflektance", "did you mean D773"),
        ("D771", 'kind = "bands"'),
        ("nothing like that", "no scene has this product"),
    ],
)
def test_a_product_that_no_scene_has_lists_what_there_is(wanted: str, problem: str) -> None:
    products = [BundleWanted(product=wanted)]
    selection = select_files(TILE_ROWS, products)
    assert selection.files == () and selection.missing[0].is_absent
    with pytest.raises(ConfigError, match=problem) as refused:
        check_choices(products, selection.products)
    assert "D773 U.S. Landsat ARD Surface Reflectance Bundle (1.0 kB)" in refused.value.allowed
    assert "D771" not in refused.value.allowed


def test_products_of_a_scene_work_side_by_side() -> None:
    wanted = [BundleWanted(product="D773"), BundleWanted((), "surface temperature", False)]
    one, other = select_files(TILE_ROWS, wanted).files
    assert (one.product_code, other.product_code) == ("D773", "D774")
    assert (one.unpacked, other.unpacked) == (None, ())
    assert one.is_chosen and other.is_chosen


def test_what_is_in_an_archive_is_expected_only_of_the_scenes_own_bundle() -> None:
    """Nobody lists what is in the tars of a tile, though it has single files."""
    (tile,) = select_files(TILE_ROWS, [BundleWanted(product="D773")]).files
    assert (tile.members, tile.file_name) == ({}, TILE), "its host names it"
    (own,) = select_files([row(secondary_downloads=[single("B4.TIF")])], [BundleWanted()]).files
    assert len(own.members) == 1 and own.file_name.endswith(".tar")


def test_a_chosen_product_that_is_not_offered_is_named() -> None:
    selection = select_files(LEVEL_1, [BundleWanted(product="D690")])
    (missing,) = selection.missing
    assert "does not offer D690 Landsat Collection 2 Level-1" in missing.reason
    assert not missing.is_absent


def test_two_products_that_want_one_file_get_what_either_wants() -> None:
    wanted = [
        BundleWanted(("SR_B4",), "D773", False),
        BundleWanted(("QA_*",), "reflectance bundle"),
    ]
    rows = [r for r in TILE_ROWS if r.product_code != "D775"]
    (file,) = select_files(rows, wanted).files
    assert (file.unpacked, file.keeps_archive) == (("SR_B4", "QA_*"), True)


names = st.text(st.sampled_from("ab1 -_(),."), max_size=12)
systems = st.sampled_from(["dds", "dds_ms", "ls_zip", "ls_frb", "folder", "wms", None])
rows_of_any_kind = st.lists(
    st.builds(
        row,
        id=st.sampled_from("abcd"),
        product_code=st.sampled_from(["D1", "D2", "", None]),
        product_name=st.one_of(st.none(), names),
        download_name=st.one_of(st.none(), names),
        download_system=systems,
        available=st.sampled_from([Flag(0), Flag(1)]),
        display_id=st.sampled_from(["S", row().display_id]),
    ),
    max_size=4,
    unique_by=lambda option: option.id,
)


@given(
    rows_of_any_kind, st.one_of(st.none(), names.filter(lambda text: any(map(str.isalnum, text))))
)
def test_a_choice_never_takes_what_cannot_be_downloaded_and_never_depends_on_the_order(
    rows: list[DownloadOption], wanted: str | None
) -> None:
    chosen, again = choose(rows, wanted), choose(rows[::-1], wanted)
    if isinstance(chosen, Unclear):
        assert isinstance(again, Unclear)
        assert [p.code for p in chosen.candidates] == [p.code for p in again.candidates]
        assert len(chosen.candidates) > 1
    elif chosen is not None:
        assert isinstance(again, DownloadOption) and chosen.id == again.id
        assert chosen.download_system not in ("folder", "wms")
    else:
        assert again is None


def test_products_are_shown_in_the_order_of_their_codes() -> None:
    assert sorted([ListedProduct("D2", "a"), ListedProduct("D1", "b")])[0].code == "D1"
