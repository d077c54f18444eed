"""Where files go; and that nothing a service says leads out of the directory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.config import DownloadConfig, LayoutTemplate
from asyncdl.job.places.layout import Layout
from asyncdl.journal import Place
from asyncdl.m2m.downloads.selection import WantedFile

SCENE = "LC08_L2SP_068017_20200310_20200822_02_T1"
NAMES = st.text(max_size=300) | st.sampled_from(
    ["", ".", "..", "../..", "/etc/passwd", "C:\\x", "a/../../b", "\0", "~", "a" * 300, "..."]
)


def wanted(file_name: str, *kinds: str, scene: str = SCENE) -> WantedFile:
    return WantedFile("E", "p", scene, file_name, kinds, None, 0)


DEFAULT = DownloadConfig()


def places_of(wanted: WantedFile, layout: str = DEFAULT.layout) -> tuple[Place, ...]:
    settings = DownloadConfig(layout=LayoutTemplate(layout))
    return Layout(settings.layout, settings.template_of_bundles).places_of(wanted)


def path_of(file_name: str, layout: str, kind: str = "bands", scene: str = SCENE) -> str:
    return str(places_of(wanted(file_name, kind, scene=scene), layout)[0].relative)


def test_files_stand_by_kind_and_product_under_their_own_names() -> None:
    red = f"{SCENE}_SR_B4.TIF"
    places = places_of(wanted(red, "bands", "band_group"))
    assert [str(place.relative) for place in places] == [
        f"bands/{SCENE}/{red}",
        f"band_group/{SCENE}/{red}",
    ]


def test_a_bundle_stands_beside_the_others() -> None:
    (place,) = places_of(wanted(f"{SCENE}.tar", "bundle"))
    assert str(place.relative) == f"bundle/{SCENE}.tar" and place.is_named


def test_a_product_that_only_the_host_can_name_has_a_folder_of_its_own() -> None:
    """Two scenes whose host calls both ``download.zip`` must not meet."""
    (place,) = places_of(wanted("NAIP_1", "bundle", scene="NAIP_1"))
    assert not place.is_named
    assert str(place.called("download.zip").relative) == "bundle/NAIP_1/download.zip"


@given(NAMES, NAMES, st.sampled_from(["bands", "bundle", "band_group"]))
def test_no_name_leads_out_of_the_directory(scene: str, file_name: str, kind: str) -> None:
    directory = Path("/data")
    (place,) = places_of(wanted(file_name, kind, scene=scene))
    path = place.under(directory)
    assert path.is_relative_to(directory / kind) and ".." not in path.parts
    assert path != directory / kind
    assert all(len(part.encode()) <= 255 for part in path.parts)


RED = f"{SCENE}_SR_B4.TIF"


@pytest.mark.parametrize(
    ("layout", "path"),
    [
        ("{file}", ""),
        ("{kind}/{path}{row}/{year}/{product_id}/{file}", f"bands/068017/2020/{SCENE}"),
        ("{dataset}/{date}/{band}/{file}", "landsat_ot_c2_l2/2020-03-10/SR_B4"),
        ("L{sensor}{satellite}_{level}_{tier}/{file}", "LC08_L2SP_T1"),
        ("{month}-{day}/{processed} c{collection}/{file}", "03-10/2020-08-22 c02"),
    ],
)
def test_a_template_says_where_files_stand(layout: str, path: str) -> None:
    assert path_of(RED, layout) == f"{path}/{RED}".lstrip("/")


def test_a_tile_tells_its_column_and_row() -> None:
    tile = "LC09_CU_003004_20230909_20230914_02"
    found = path_of(f"{tile}_SR_B4.TIF", "{region}/{horizontal}-{vertical}/{file}", scene=tile)
    assert found == f"CU/003-004/{tile}_SR_B4.TIF"


def test_what_an_id_does_not_tell_is_a_folder_called_unknown() -> None:
    layout = "{kind}/{path}{row}/{file}"
    assert path_of("NAIP_1.TIF", layout, scene="NAIP_1") == "bands/unknown/NAIP_1.TIF"


def test_bundles_follow_the_template_without_the_folder_that_is_their_name() -> None:
    layout = "{kind}/{year}/{product_id}/{file}"
    assert path_of(f"{SCENE}.tar", layout, "bundle") == f"bundle/2020/{SCENE}.tar"


def test_a_file_that_only_its_host_names_has_its_own_folder_in_every_layout() -> None:
    assert path_of("NAIP_1", "{kind}/{file}", "bundle", "NAIP_1") == "bundle/NAIP_1/NAIP_1"


def test_a_file_that_two_products_want_at_one_place_is_there_for_the_first() -> None:
    template = LayoutTemplate("{product_id}/{file}")
    once = Layout(template, template).without_duplicates(wanted(RED, "bands", "band_group"))
    assert once.kinds == ("bands",)


@pytest.mark.parametrize(
    ("layout", "problem"),
    [
        ("{kind}/{flie}", "did you mean {file}"),
        ("{kind}/{product}/{file}", "did you mean {product_id}"),
        ("/data/{file}", "is absolute"),
        ("~/{file}", "is absolute"),
        ("../{file}", "has an empty folder, or one"),
        ("{kind}/./{file}", "has an empty folder, or one"),
        ("{kind}//{file}", "has an empty folder, or one"),
        (".asyncdl/{file}", "begins or ends with a dot"),
        ("{kind}", "does not end in {file}"),
        ("{kind}/{date}_{file}", "does not end in {file}"),
        ("{file}/{file}", "has {file} in a folder"),
        ("{path:03}/{file}", "has more than {path}"),
        ("{kind!r}/{file}", "has more than {kind}"),
        ("{kind.x}/{file}", "unknown field {kind.x}"),
        ("{kind/{file}", "brace"),
        ("{}/{file}", "unknown field {}"),
        ("a:b/{file}", "':'"),
        ("a\\b/{file}", "not all file systems"),
    ],
)
def test_a_template_that_makes_no_sense_is_told_why(layout: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        LayoutTemplate.read(layout)


@given(
    NAMES,
    NAMES,
    st.lists(st.sampled_from(["{kind}", "{band}", "{product_id}", "{date}x"]), max_size=3),
)
def test_no_template_leads_out_of_the_directory(
    scene: str, file_name: str, folders: list[str]
) -> None:
    layout = LayoutTemplate.read("/".join([*folders, "{file}"]))
    for kind in ("bands", "bundle"):
        path = Path("/data") / path_of(file_name, layout, kind, scene)
        assert ".." not in path.parts and path.parent.is_relative_to("/data")
        assert all(len(part.encode()) <= 255 for part in path.parts)


def unnamed(code: str, **more: Any) -> WantedFile:
    scene = "LC09_CU_003004_20230909_20230914_02"
    return WantedFile("E", "p", scene, scene, ("bundle",), None, 0, product_code=code, **more)


@pytest.mark.parametrize(
    ("layout", "path"),
    [
        ("{kind}/{product_id}/{file}", "bundle/{0}/D773/{0}"),
        ("{file}", "{0}/D773/{0}"),
        ("{product_code}/{date}/{file}", "D773/2023-09-09/{0}/{0}"),
    ],
)
def test_each_product_that_was_chosen_has_a_folder_of_its_own(layout: str, path: str) -> None:
    """Two of them may be called alike by their host, and hold files of one name."""
    chosen = unnamed("D773", is_chosen=True)
    (place,) = places_of(chosen, layout)
    assert str(place.relative) == path.format(chosen.scene)
    (other,) = places_of(unnamed("D774", is_chosen=True), layout)
    assert other.relative.parent != place.relative.parent


def test_what_a_config_does_not_choose_has_the_folder_of_its_scene() -> None:
    (place,) = places_of(unnamed("D773"))
    assert place.relative.parts[:-1] == ("bundle", place.relative.name)


@pytest.mark.parametrize(
    ("name", "kind", "path"),
    [
        (f"{SCENE}_SR_B4.TIF", "bands", f"bands/{SCENE}/E2/{SCENE}_SR_B4.TIF"),
        (f"{SCENE}.tar", "bundle", f"bundle/E2/{SCENE}.tar"),
        (SCENE, "bundle", f"bundle/{SCENE}/E2/{SCENE}"),
    ],
)
def test_a_scene_that_shares_its_display_id_has_a_folder_more(
    name: str, kind: str, path: str
) -> None:
    second = wanted(name, kind).replace(scene_id="E2", is_namesake=True)
    assert str(places_of(second)[0].relative) == path
    both = [second.replace(scene_id="E1", is_namesake=False), second]
    first, apart = (places_of(w, "{entity_id}/{file}")[0].relative for w in both)
    assert (str(first), str(apart)) == (f"E1/{name}", f"E2/{name}") or name == SCENE


def test_what_nobody_names_is_kept_apart_by_its_scene_whatever_the_layout() -> None:
    """Archives of two scenes may both hold a ``README.txt``."""
    layout = Layout(LayoutTemplate("{file}"), LayoutTemplate("{file}"))
    bundle = unnamed("D441")
    assert (
        str(layout.place_of_member(bundle, "README.txt").relative) == f"{bundle.scene}/README.txt"
    )
    own = wanted(f"{SCENE}.tar", "bundle")
    assert str(layout.place_of_member(own, f"{SCENE}_B4.TIF").relative) == f"{SCENE}_B4.TIF"


def test_members_keep_the_folders_that_they_have_in_their_archive() -> None:
    layout = Layout(DEFAULT.layout, DEFAULT.template_of_bundles)
    bundle = unnamed("D557", is_chosen=True)
    place = layout.place_of_member(bundle, "S.SAFE/IMG/B02.jp2")
    assert str(place.relative) == f"bundle/{bundle.scene}/D557/S.SAFE/IMG/B02.jp2"
