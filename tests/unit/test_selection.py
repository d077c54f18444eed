"""Products become downloads, each asked for once, and what is lacking is named."""

import gc
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.errors import ConfigError
from asyncdl.m2m.downloads.selection import (
    BandsSeen,
    BandsWanted,
    BundleWanted,
    GroupWanted,
    Missing,
    Wanted,
    WantedFile,
    check_bands,
    check_groups,
    select_files,
)
from asyncdl.m2m.models import Checksum, DatasetFileGroups, DownloadOption, Flag, read_reply

DATA = Path(__file__).parent.parent / "data"
SCENE = "LC08_L2SP_067018_20200303_20200822_02_T1"
ENTITY = "LC80670182020063LGN00"
NOTEBOOK_BANDS = BandsWanted(("SR_B4", "QA_PIXEL", "ST_B10", "ANG"))
SURFACE_REFLECTANCE = GroupWanted(("ls_c2l2_sr_band",))


def reply(name: str) -> Any:
    data = json.loads((DATA / name).read_text())
    return data["data"] if isinstance(data, dict) else data


def options(name: str) -> list[DownloadOption]:
    return read_reply(reply(name), list[DownloadOption])


@pytest.fixture(scope="module")
def level_2() -> list[DownloadOption]:
    return options("reconstructed_download-options_l2_with-file-groups.json")


def row(**changes: Any) -> DownloadOption:
    whole = {
        "id": "bundle",
        "entity_id": ENTITY,
        "display_id": SCENE,
        "available": Flag(1),
        "bulk_available": Flag(1),
        "filesize": 1000,
        "product_name": "Landsat Collection 2 Level-2 Product Bundle",
        "download_system": "ls_zip",
    }
    return DownloadOption(**{**whole, **changes})


def single(suffix: str, **changes: Any) -> DownloadOption:
    stem = suffix.replace(".", "_").upper()
    file = {
        "id": "file",
        "entity_id": f"L2SR_{SCENE}_{stem}",
        "display_id": f"{SCENE}_{suffix}",
        "product_name": "Landsat Collection 2 Level-2 Band File",
        "download_system": "ls_s3",
        "filesize": 7,
    }
    return row(**{**file, **changes})


def test_the_bands_of_the_notebook(level_2: list[DownloadOption]) -> None:
    """Four files, although four rows repeat all twenty-two."""
    selection = select_files(level_2, [NOTEBOOK_BANDS])
    assert {(file.entity_id, file.product_id) for file in selection.files} == {
        (f"L2SR_{SCENE}_SR_B4_TIF", "6453ef54640422ce"),
        (f"L2SR_{SCENE}_QA_PIXEL_TIF", "6453ef54640422ce"),
        (f"L2ST_{SCENE}_ST_B10_TIF", "6453ef54640422ce"),
        (f"L2ST_{SCENE}_ANG_TXT", "6453ef54640422ce"),
    }
    assert selection.missing == ()


def test_the_group_of_the_notebook(level_2: list[DownloadOption]) -> None:
    selection = select_files(level_2, [SURFACE_REFLECTANCE])
    assert len(selection.files) == 13
    assert {file.kinds for file in selection.files} == {("band_group",)}


def test_the_bundle_is_the_row_that_is_ready(level_2: list[DownloadOption]) -> None:
    """Not a folder, and not the tape copy that is not available."""
    (bundle,) = select_files(level_2, [BundleWanted()]).files
    assert bundle.unpacked_bytes == 0
    assert (bundle.entity_id, bundle.product_id) == (ENTITY, "5e83d14fec7cae84")
    assert bundle.file_name == f"{SCENE}.tar"
    assert (bundle.size_bytes, bundle.estimate_bytes) == (None, 911186642)


def test_a_file_that_two_products_want_is_asked_for_once(level_2: list[DownloadOption]) -> None:
    selection = select_files(level_2, [NOTEBOOK_BANDS, BundleWanted(), SURFACE_REFLECTANCE])
    kinds = {file.file_name.removeprefix(f"{SCENE}_"): file.kinds for file in selection.files}
    assert len(selection.files) == 1 + 13 + 1
    assert kinds["SR_B4.TIF"] == ("bands", "band_group")
    assert kinds["ST_B10.TIF"] == ("bands",)
    assert kinds["SR_B1.TIF"] == ("band_group",)


def test_scenes_come_in_the_order_of_the_service() -> None:
    rows = [row(entity_id=entity, display_id=entity) for entity in ("b", "a", "b", "c")]
    selection = select_files(rows, [BundleWanted()])
    assert [file.scene for file in selection.files] == ["b", "a", "c"]


def test_a_single_file_has_its_exact_size_and_proofs() -> None:
    (option,) = options("documented_download-options_secondary.json")
    (file,) = select_files([option], [BandsWanted(("ANG.txt",))]).files
    assert (file.size_bytes, file.estimate_bytes) == (117391, 117391)
    assert (file.scene, file.download_system) == (option.display_id, "dds")


def test_a_size_of_nothing_is_not_a_size() -> None:
    rows = [row(secondary_downloads=[single("SR_B4.TIF", filesize=0)])]
    (file,) = select_files(rows, [BandsWanted(("SR_B4",))]).files
    assert (file.size_bytes, file.estimate_bytes) == (None, 0)


@given(st.permutations(["zz", "aa", "mm"]))
def test_of_two_offers_of_a_file_the_same_is_always_chosen(ids: list[str]) -> None:
    """The one that is offered, then the one that is ready, then the first by id."""
    offers = {
        "zz": single("SR_B4.TIF", id="zz"),
        "aa": single("SR_B4.TIF", id="aa", download_system="dds"),
        "mm": single("SR_B4.TIF", id="mm", available=Flag(0)),
    }
    rows = [row(secondary_downloads=[offers[id_] for id_ in ids])]
    assert [file.product_id for file in select_files(rows, [NOTEBOOK_BANDS]).files] == ["zz"]


def test_a_band_that_one_scene_lacks_is_told_not_an_error() -> None:
    rows = [row(secondary_downloads=[single("SR_B4.TIF"), single("ANG.txt", available=Flag(0))])]
    selection = select_files(rows, [BandsWanted(("SR_B4", "ST_B10", "ANG", "GCP"))])
    assert [file.file_name for file in selection.files] == [f"{SCENE}_SR_B4.TIF"]
    assert selection.missing == (
        Missing(SCENE, "bands", "ST_B10", "the service does not list ST_B10 right now"),
        Missing(SCENE, "bands", "ANG", "the service does not offer ANG.txt right now"),
        Missing(SCENE, "bands", "GCP", "the scene has no such file", is_absent=True),
    )


def test_a_scene_without_single_files_lacks_its_group() -> None:
    """Recorded with null in place of the list."""
    selection = select_files([row(secondary_downloads=None)], [SURFACE_REFLECTANCE])
    assert [lacking.what for lacking in selection.missing] == ["ls_c2l2_sr_band"]


@pytest.mark.parametrize(
    "rows",
    [
        [row(available=Flag(0))],
        [row(bulk_available=Flag(0))],
        [row(download_system="folder")],
        [row(download_system="wms")],
        [row(product_name="Full Resolution Browse", download_system="dds")],
    ],
)
def test_what_is_no_offer_of_the_scene_is_no_bundle(rows: list[DownloadOption]) -> None:
    selection = select_files(rows, [BundleWanted()])
    assert selection.files == ()
    assert [(lacking.kind, lacking.what) for lacking in selection.missing] == [("bundle", "bundle")]


def test_a_fresh_scene_is_taken_from_where_it_has_to_be_prepared() -> None:
    rows = [row(available=Flag(0)), row(id="D806", download_system="dds_ms")]
    (file,) = select_files(rows, [BundleWanted()]).files
    assert (file.product_id, file.file_name) == ("D806", f"{SCENE}.tar")


def test_without_bundles_the_fullest_form_of_the_scene_is_meant() -> None:
    """NAIP lists every picture in full resolution and compressed."""
    selection = select_files(
        options("recorded_download-options_naip_trimmed.json"), [BundleWanted()]
    )
    assert [file.product_id for file in selection.files] == ["5e83a340275f0f2c"] * 3
    assert selection.files[0].file_name == "M_2509703_NE_14_060_20201210"


def test_pictures_from_the_map_service_are_no_data() -> None:
    (file,) = select_files(options("recorded_download-options.json"), [BundleWanted()]).files
    assert file.product_id == "5e83d0b84df8d8c2"


def test_a_band_that_no_scene_has_lists_what_there_is(level_2: list[DownloadOption]) -> None:
    products: list[Wanted] = [BundleWanted(), BandsWanted(("SR_B4", "nir"))]
    seen = select_files(level_2, products).bands
    with pytest.raises(ConfigError, match="did you mean nir08") as caught:
        check_bands(products, seen)
    assert caught.value.value == "nir"
    assert "QA_PIXEL, QA_RADSAT, SR_B1" in caught.value.allowed


def test_a_band_that_any_scene_has_is_right() -> None:
    wanted = [BandsWanted(("SR_B4", "red", "MTL"))]
    rows = [
        [row(secondary_downloads=[single("SR_B4.TIF")])],
        [row(secondary_downloads=[single("MTL.txt")])],
    ]
    seen = BandsSeen()
    for scene in rows:
        seen |= select_files(scene, wanted).bands
    check_bands(wanted, seen)


def test_bands_of_a_dataset_without_single_files_are_refused() -> None:
    wanted = [BandsWanted(("red",))]
    with pytest.raises(ConfigError, match="no single files"):
        check_bands(wanted, select_files([row()], wanted).bands)


def groups(by_dataset: dict[str, list[str]]) -> DatasetFileGroups:
    secondary = {
        dataset: {name: {"id": name} for name in names} for dataset, names in by_dataset.items()
    }
    return read_reply({"primary": [], "secondary": secondary}, DatasetFileGroups)


def test_the_secondary_dataset_is_the_one_with_the_groups() -> None:
    known = read_reply(reply("reconstructed_dataset-file-groups_l2.json"), DatasetFileGroups)
    assert check_groups(["ls_c2l2_sr_band", "ls_c2l2_st_band"], known) == "5f85f041c828327a"


@pytest.mark.parametrize(
    ("known", "problem"),
    [
        ({"x": ["ls_c2l2_sr_band"]}, "did you mean ls_c2l2_sr_band"),
        ({}, "no file groups"),
        ({"x": ["ls_c2l2_sr_bands"], "y": ["other"]}, "different secondary datasets"),
    ],
)
def test_groups_that_cannot_be_had_are_refused(known: dict[str, list[str]], problem: str) -> None:
    wanted = ["ls_c2l2_sr_bands", "other"] if "y" in known else ["ls_c2l2_sr_bands"]
    with pytest.raises(ConfigError, match=problem) as caught:
        check_groups(wanted, groups(known))
    assert caught.value.key == "products.file_groups"


@pytest.mark.parametrize(
    ("words", "size_bytes"), [(("SR_B4",), 40), (("red", "MTL"), 43), (("SR_*",), 440), (None, 0)]
)
def test_what_is_unpacked_of_a_bundle_is_as_large_as_the_single_files(
    words: tuple[str, ...] | None, size_bytes: int
) -> None:
    sizes = {"SR_B4.TIF": 40, "SR_B5.TIF": 400, "MTL.txt": 1, "MTL.xml": 2}
    singles = [single(suffix, filesize=size) for suffix, size in sizes.items()]
    (bundle,) = select_files([row(secondary_downloads=singles)], [BundleWanted(words)]).files
    assert bundle.unpacked_bytes == size_bytes


def test_a_bundle_that_is_unpacked_whole_takes_its_own_size_again(
    level_2: list[DownloadOption],
) -> None:
    (bundle,) = select_files(level_2, [BundleWanted(())]).files
    assert bundle.unpacked_bytes == bundle.estimate_bytes > 0


def test_members_that_come_in_bundles_only_count_as_seen(level_2: list[DownloadOption]) -> None:
    seen = select_files(level_2, [BundleWanted(("MTL.json", "SR_B99"))]).bands
    assert seen.words == {"MTL.json"}


WANTED = WantedFile("F", "P", "S", "S_B4.TIF", ("bands",), size_bytes=10, estimate_bytes=10)
SAYS_MORE = {
    "members": {"S_B4.TIF": ()},
    "catalogued": {"S_B4.TIF": Checksum("sha512", "ab" * 64)},
    "unpacked_bytes": 1,
    "unpacked": (),
    "keeps_archive": False,
    "product_name": "n",
}
"""Fields that say more of the same file, and do not make it another one."""
MAKES_ANOTHER = {
    "entity_id": "x",
    "product_id": "x",
    "scene": "x",
    "file_name": "x",
    "kinds": (),
    "size_bytes": None,
    "estimate_bytes": 0,
    "checksums": (Checksum("sha512", "ab" * 64),),
    "download_system": "x",
    "product_code": "x",
    "is_chosen": True,
    "scene_id": "x",
    "is_namesake": True,
    "window": "x",
}


def test_every_field_of_a_wanted_file_is_of_one_sort() -> None:
    assert SAYS_MORE.keys() | MAKES_ANOTHER.keys() == set(WantedFile.__struct_fields__)
    for name, value in SAYS_MORE.items():
        same = WANTED.replace(**{name: value})
        assert (same, hash(same)) == (WANTED, hash(WANTED)), name
    for name, value in MAKES_ANOTHER.items():
        assert WANTED.replace(**{name: value}) != WANTED, name


def test_wanted_files_are_no_work_for_the_garbage_collector() -> None:
    file = WANTED.replace(**SAYS_MORE)
    assert not gc.is_tracked(file)
    assert not gc.is_tracked(file.catalogued)
