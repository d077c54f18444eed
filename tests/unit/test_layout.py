"""Where files go; and that nothing a service says leads out of the directory."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from asyncdl.job.layout import places_of
from asyncdl.m2m.selection import WantedFile

SCENE = "LC08_L2SP_068017_20200310_20200822_02_T1"
NAMES = st.text(max_size=300) | st.sampled_from(
    ["", ".", "..", "../..", "/etc/passwd", "C:\\x", "a/../../b", "\0", "~", "a" * 300, "..."]
)


def wanted(file_name: str, *kinds: str, scene: str = SCENE) -> WantedFile:
    return WantedFile("E", "p", scene, file_name, kinds, None, 0)


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
