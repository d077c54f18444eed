"""Lists of ids in the forms that people have them."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asyncdl.config import parse_config
from asyncdl.errors import ConfigError
from asyncdl.job.choosing.id_forms import NoSceneId, SceneRef, read_scene
from asyncdl.job.choosing.id_lists import decode_list, read_lines
from asyncdl.job.choosing.search_plan import MAX_FAULTS, ids_of

L2 = "LC08_L2SP_068017_20200310_20200822_02_T1"
L1 = "LC08_L1TP_068017_20200310_20200822_02_T1"
OTHER = "LE07_L2SP_033041_20030728_20200830_02_T1"
TILE = "LC09_CU_003004_20230909_20230914_02"
ENTITY = "LC80680172020070LGN00"


def listed(text: str, dataset: str | None = None) -> list[str]:
    """The ids of a list in which nothing is wrong."""
    found = list(read_lines(text, dataset))
    assert [entry.fault for entry in found] == [None] * len(found)
    return [scene.id for entry in found for scene in entry.scenes]


def faults(text: str, dataset: str | None = None) -> list[tuple[str, str]]:
    return [
        (entry.place, entry.fault.problem) for entry in read_lines(text, dataset) if entry.fault
    ]


def ids_in(file: Path, **search: Any) -> dict[str, list[str]]:
    raw = {"search": {"scenes_file": str(file), **search}, "products": [{"kind": "bundle"}]}
    return ids_of(parse_config(raw).search)


@pytest.mark.parametrize(
    "text",
    [
        L2,
        L2.lower(),
        f"{L2}.tar",
        f"{L2}.tar.gz",
        f"{L2}_SR_B4.TIF",
        f"{L2}_MTL.json",
        f"{L2}_SR",
        f"{L2}_ST_stac.json",
        f"./data/bands/{L2}/{L2}_QA_PIXEL.TIF",
        f"C:\\Landsat\\{L2}.tar",
        f"data/{L2}/B4.TIF",
        f"data/{L2}/",
        f"s3://usgs-landsat/collection02/level-2/{L2}/{L2}_ST_B10.TIF",
        f"https://landsatlook.usgs.gov/data/{L2}_SR_B4.TIF?requestSignature=abc%2F",
        f"https://landsatlook.usgs.gov/gen-bundle?landsat_product_id={L2}&requestSignature=abc",
        f"L2SR_{L2}_SR_B4_TIF",
        f"L2ST_{L2}_MTL_TXT",
        f'"{L2}",',
        f"\u201c{L2}\u201d;",
        f"['{L2}',",
        f"\ufeff {L2}\u200b",
    ],
)
def test_a_product_id_is_read_out_of_what_people_call_it(text: str) -> None:
    assert read_scene(text) == SceneRef(L2, "landsat_ot_c2_l2")


def test_a_scene_id_and_its_files_are_read_beside_a_dataset() -> None:
    for text in (ENTITY, ENTITY.lower(), f"{ENTITY}_B4.TIF", f"{ENTITY}.tar.gz"):
        assert read_scene(text, "landsat_ot_c2_l1") == SceneRef(ENTITY, "landsat_ot_c2_l1")


def test_tiles_and_level_3_are_read_by_id_and_file() -> None:
    assert read_scene(f"{TILE}_SR.tar") == SceneRef(TILE, "landsat_ard_tile_c2")
    water = SceneRef(f"{TILE}_DSWE", "landsat_dswe_tile_c2")
    assert read_scene(f"{TILE}_dswe.tar") == water == read_scene(f"{TILE}_INWAM.TIF")


@pytest.mark.parametrize(
    ("text", "problem", "allowed"),
    [
        ("LC08_L1TP_068017_20200310_20200822_01_T1", "is a Collection 1 id", "wrs = [[68, 17]]"),
        ("LC08_CU_006006_20160715_20171205_C01_V01_SR.tar", "is a Collection 1 id", "ard_tile"),
        ("LANDSAT/LC08/C02/T1_L2/LC08_068017_20200310", "an Earth Engine id", "2020-03-10"),
        ("1_2_LC08_068017_20200310", "an Earth Engine id", "landsat_ot_c2_l2"),
        ("LC08_068017_20200310", "an Earth Engine id", "LANDSAT_PRODUCT_ID"),
        ("LE07_L2SP_068017_20030310_02_T1", "a Planetary Computer id", "landsat_etm_c2_l2"),
        ("S2A_MSIL1C_20200310T213531_N0209_R086_T05VPJ", "a Sentinel-2 id", "sentinel_2a"),
        ("L1C_T05VPJ_A024629_20200310T213529", "a Sentinel-2 id", "search.dataset"),
        ("MOD09GA.A2020070.h10v02.006", "a MODIS or VIIRS id", "search.dataset"),
        ("HLS.L30.T05VPJ.2020070T212529.v2.0", "an HLS id", "Landsat"),
        ("LC08_L2SP_068017_20201340_20200822_02_T1", "has a wrong day, level or tier", "ids"),
        ("LC08_L2SP_068017_202003", "is cut short", "ids such as"),
        ("LM05_L2SP_068017_19850310_20200822_02_T2", "a product that does not exist", ""),
        ("068017", "is a number", "wrs = [[68, 17]]"),
        ("hello", "is not a scene id", "ids such as"),
        ("x" * 3_000, "is longer than any id", "ids such as"),
        (ENTITY, "the dataset of this id is not known", "search.dataset"),
    ],
)
def test_what_is_no_id_is_called_by_what_it_is(text: str, problem: str, allowed: str) -> None:
    with pytest.raises(NoSceneId) as refused:
        read_scene(text)
    assert problem in refused.value.problem
    assert allowed in refused.value.allowed


def test_ids_of_a_dataset_that_is_not_known_here_are_taken_as_they_are() -> None:
    name = "S2A_MSIL1C_20200310T213531_N0209_R086_T05VPJ"
    assert read_scene(f'"{name}"', "sentinel_2a") == SceneRef(name, "sentinel_2a")
    assert listed("a1b2, c3d4\nE5", "naip") == ["a1b2", "c3d4", "E5"]
    with pytest.raises(NoSceneId, match="belongs to landsat_ot_c2_l2"):
        read_scene(L2, "naip")


def test_a_scene_of_another_satellite_is_refused() -> None:
    with pytest.raises(NoSceneId, match="belongs to landsat_ot_c2_l1"):
        read_scene(ENTITY, "landsat_etm_c2_l2")


# --- lines --------------------------------------------------------------------------------


def test_a_line_may_have_several_ids_and_a_path_spaces() -> None:
    assert listed(f"{L2}, {L1};{OTHER}") == [L2, L1, OTHER]
    assert listed(f"/my data/of march/{L2}.tar") == [L2]


def test_what_stands_beside_an_id_is_not_passed_over() -> None:
    assert faults(f"{L2} {L1} cloudy") == [("line 1", "has a word of 6 characters beside its id")]
    assert listed(f"{L1}.tar to/{L2}.tar") == [L1, L2]
    assert faults(f"{L1}.tar my dear/{L2}.tar") == [
        ("line 1", "has a word of 2 characters beside its id")
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_counts(end: str) -> None:
    assert faults(end.join([L2, "", "# no", "hello"])) == [("line 4", "is not a scene id")]


@pytest.mark.parametrize(
    "header",
    [
        "#dataset=landsat_ot_c2_l2",
        "# Dataset = LANDSAT_OT_C2_L2",
        "# dataset: landsat_ot_c2_l2",
        "datasetName=landsat_ot_c2_l2",
        "landsat_ot_c2_l2|displayId",
        "landsat_ot_c2_l2|entityId",
        "LANDSAT_OT_C2_L2",
    ],
)
def test_a_list_may_name_its_dataset(header: str) -> None:
    assert listed(f"{header}\n{ENTITY}\n") == [ENTITY]
    assert faults(f"{header}\n", "landsat_etm_c2_l2") == [
        ("line 1", "this list is of landsat_ot_c2_l2")
    ]


def test_a_comment_about_a_dataset_names_none() -> None:
    assert listed(f"# dataset: the best of spring\n# dataset: spring\n{L2}") == [L2]


EXPORT = (
    '"Landsat Product Identifier L2","Landsat Product Identifier L1","Landsat Scene Identifier",'
    '"Date Acquired","Place"\n'
    f'"{L2}","{L1}","{ENTITY}","2020/03/10","Anchorage, Alaska"\n'
)


def test_a_table_of_earth_explorer_is_read_by_its_product_ids() -> None:
    assert listed(EXPORT) == [L2]
    assert listed(EXPORT, "landsat_ot_c2_l1") == [L1]


@pytest.mark.parametrize(
    ("text", "dataset", "found"),
    [
        (f"Ordering ID;Entity ID;Display ID\n1;{ENTITY};{L2}\n;;\n", None, [L2]),
        (f"acquired,cloud,product_id,entity_id\n2020-03-10,3,{L2},{ENTITY}\n", None, [L2]),
        (f"Entity ID\tCloud\n{ENTITY}\t3\n", "landsat_ot_c2_l2", [ENTITY]),
        (f"Display ID\n{L2}\n", None, [L2]),
        ("Entity ID,Display ID\n3195713,L1C_T05VPJ\n", "sentinel_2a", ["3195713"]),
        (f"Display ID,Entity ID\n,{ENTITY}\n", "landsat_ot_c2_l2", [ENTITY]),
    ],
)
def test_a_table_is_read_by_the_columns_that_hold_ids(
    text: str, dataset: str | None, found: list[str]
) -> None:
    assert listed(text, dataset) == found


def test_a_row_that_cannot_be_read_is_no_silent_loss() -> None:
    text = f'Display ID,Place\n{L2},"never closed\n{L1},here\n,nowhere\n'
    assert faults(text) == [
        ("line 2", "is not a valid row of a table: unexpected end of data"),
        ("line 4", "has no id in its column of ids"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_the_mark_at_the_start_tells_the_encoding(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "ids.txt"
    file.write_bytes(f"{L2}\r\n{L1}\r\n".encode(encoding))
    assert ids_in(file) == {"landsat_ot_c2_l2": [L2], "landsat_ot_c2_l1": [L1]}


def test_an_export_with_a_name_in_latin_1_is_read(tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    file.write_bytes(f"Display ID,Place\n{L2},M\u00fcnchen\n".encode("latin-1"))
    assert ids_in(file) == {"landsat_ot_c2_l2": [L2]}


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xfeL"])
def test_what_is_no_text_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "ids.txt"
    file.write_bytes(data)
    with pytest.raises(ConfigError, match=r"has a NUL in it|is not UTF-16-LE text"):
        ids_in(file)


def test_utf_16_of_the_other_byte_order_is_read_by_its_mark() -> None:
    assert decode_list(codecs.BOM_UTF16_BE + L2.encode("utf-16-be")) == L2


# --- the whole ----------------------------------------------------------------------------


def test_all_that_is_wrong_is_refused_at_once_and_the_rest_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("\n".join([L2, *(f"wrong{n}" for n in range(MAX_FAULTS + 5)), "wrong0"]))
    with pytest.raises(ConfigError) as refused:
        ids_in(file)
    told = str(refused.value)
    assert "search.scenes_file" in told and "15 entries cannot be used" in told
    assert "line 2, a word of 6 characters: is not a scene id; line 3, a word" in told
    assert "line 11, " in told and "line 12" not in told and "and 5 more" in told


def test_wrong_ids_of_a_config_are_refused_together() -> None:
    raw = {"search": {"scenes": ["a", L2, "b"]}, "products": [{"kind": "bundle"}]}
    with pytest.raises(
        ConfigError, match=r"search\.scenes: 2 entries cannot be used: 'a': is not a scene id"
    ):
        ids_of(parse_config(raw).search)


def test_a_url_in_a_message_has_no_signature(tmp_path: Path) -> None:
    file = tmp_path / "ids.txt"
    file.write_text("https://example.com/hello.tif?signature=secret-thing\n")
    with pytest.raises(ConfigError) as refused:
        ids_in(file)
    assert "looks like a URL" in str(refused.value) and "secret" not in str(refused.value)


FORMS = (
    "{}", "{}.tar", "{}_MTL.txt", '"{}",', "  '{}'  # cloudy", "a b/{}.tar",
    "D:\\x\\{}_QA_PIXEL.TIF",
    "https://example.com/{0}/{0}_ANG.txt", "s3://bucket/{}/", "\u201c{}\u201d",
)  # fmt: skip
PRODUCTS = st.sampled_from([L2, L1, OTHER, TILE, f"{TILE}_BA"])


@given(
    lines=st.lists(
        st.tuples(PRODUCTS, st.sampled_from(FORMS), st.booleans(), st.sampled_from(["", "\n#\n"]))
    ),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_any_mixture_of_forms_reads_to_the_same_ids(
    lines: list[tuple[str, str, bool, str]], encoding: str, end: str
) -> None:
    texts = [
        form.format(product.lower() if is_lower else product) + gap
        for product, form, is_lower, gap in lines
    ]
    text = decode_list(end.join(texts).encode(encoding))
    assert listed(text) == [product for product, *_ in lines]


SIGNS = st.text(alphabet=st.sampled_from("LC08_1TP/\\,;\"'# .|=:?&\u0130\r\n\t") | st.characters())


@given(text=SIGNS | st.text(), dataset=st.sampled_from([None, "landsat_ot_c2_l2", "naip"]))
@example(text='"', dataset=None)
@example(text="a,id\n\x00", dataset=None)
def test_no_text_is_more_than_read_or_refused(text: str, dataset: str | None) -> None:
    for entry in read_lines(text, dataset):
        assert bool(entry.scenes) != bool(entry.fault)


@given(data=st.binary() | st.binary().map(lambda data: codecs.BOM_UTF16_LE + data))
def test_no_bytes_are_more_than_text_or_refused(data: bytes) -> None:
    try:
        text = decode_list(data)
    except UnicodeError:
        return
    assert "\0" not in text
    assert all(bool(entry.scenes) != bool(entry.fault) for entry in read_lines(text, None))


@pytest.mark.parametrize("sign", ["_", "/", ",", '"', "L", "0", "LC08_", "?&", "\u2019"])
def test_a_long_line_is_refused_by_its_length(sign: str) -> None:
    line = sign * (2**20 // len(sign))
    assert len(faults(f"{line}x")) == 1
    assert "characters" in faults(f"{line}x")[0][1]
