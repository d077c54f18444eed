"""Which part of a raster a config wants, what it is called, and what it may cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.cli.display import as_json_line
from asyncdl.cli.service_access import with_window
from asyncdl.config import Window, parse_config
from asyncdl.config.layouts import LayoutTemplate
from asyncdl.errors import ConfigError
from asyncdl.events import FileFinished, FileState
from asyncdl.job.choosing import windows
from asyncdl.job.choosing.from_config import products_of
from asyncdl.job.choosing.search_plan import search_plan_of
from asyncdl.job.choosing.windows import AreaWindow, WindowCuts, share_of
from asyncdl.job.identity import fingerprint_of
from asyncdl.job.places.layout import Layout
from asyncdl.job.stages.cutting import source_bytes_of
from asyncdl.job.stages.relocation import planned_moves
from asyncdl.journal import KnownPath
from asyncdl.m2m.downloads.selection import WantedFile
from asyncdl.transfer.ranges import Coverage, Span, missing_of

SCENE = "LC08_L2SP_068017_20200310_20200822_02_T1"
LAKE = [-150.0, 61.1, -149.9, 61.15]
SEARCH = {"dataset": "landsat_ot_c2_l2", "bbox": LAKE}
FILE = WantedFile("e", "p", SCENE, f"{SCENE}_SR_B4.TIF", ("bands",), 10**8, 10**8, scene_id="s")
LAYOUT = Layout(LayoutTemplate("{kind}/{product_id}/{file}"), LayoutTemplate("{kind}/{file}"))
AROUND = ((-151.0, 60.0), (-148.0, 60.0), (-148.0, 62.0), (-151.0, 62.0))


def config(window: object = "aoi", search: dict[str, Any] = SEARCH, **download: Any) -> Any:
    product = {"kind": "bands", "bands": ["red"], "window": window}
    return parse_config({"search": search, "products": [product], "download": download})


def window(**changes: Any) -> AreaWindow:
    found = search_plan_of(config(**changes)).window
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([1, 2, 3], "3 numbers"),
        ([1, 2, 1, 3], "no width"),
        ([1, 3, 2, 2], "south edge"),
        ([1, 2, 3, 91], "beyond a pole"),
        ([1, 2, 400, 3], "360"),
        (["1", None, 2, 3], "no number"),
        ([True, 1, 2, 3], "no number"),
        ([1, 2, float("inf"), 3], "not finite"),
        ("lake", "no number"),
        (7, "neither"),
    ],
)
def test_a_wrong_window_is_explained(value: object, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as error:
        config(value)
    assert error.value.key == "products[0].window"
    assert "west, south, east, north" in error.value.allowed


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ({"search": {"dataset": "landsat_ot_c2_l2", "wrs": [[68, 17]]}}, "has none"),
        ({"search": {"scenes": [SCENE]}}, "has none"),
        ({"verify": "checksum"}, "digest"),
    ],
)
def test_a_window_that_cannot_be_is_refused(raw: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        config(**raw)


def test_a_bundle_has_no_window_and_says_why() -> None:
    with pytest.raises(ConfigError, match="no part can be fetched"):
        parse_config({"search": SEARCH, "products": [{"kind": "bundle", "window": "aoi"}]})


def test_exact_windows_need_gdal_a_window_and_one_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = {"kind": "bands", "bands": ["red"], "window": "aoi", "exact": True}

    def plan_of(*products: dict[str, Any]) -> AreaWindow | None:
        return search_plan_of(parse_config({"search": SEARCH, "products": list(products)})).window

    with pytest.raises(ConfigError, match="no effect without a window"):
        plan_of({**exact, "window": None})
    with pytest.raises(ConfigError, match="differs"):
        plan_of(exact, {**exact, "exact": False})
    monkeypatch.setattr(windows, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="rasterio, which is not installed") as error:
        plan_of(exact)
    assert "[geo]" in error.value.allowed
    monkeypatch.setattr(windows, "find_spec", lambda name: name)
    found = plan_of(exact)
    assert found is not None
    assert (found.is_exact, found.name) == (True, "box_-150_61.1_-149.9_61.15_exact")


def test_products_of_one_config_have_one_window() -> None:
    products = [
        {"kind": "bands", "bands": ["red"], "window": "aoi"},
        {"kind": "band_group", "file_groups": ["ls_c2l2_sr_band"]},
    ]
    with pytest.raises(ConfigError, match="differs"):
        parse_config({"search": SEARCH, "products": products})
    bundle = parse_config({"search": SEARCH, "products": [products[0], {"kind": "bundle"}]})
    assert bundle.window == "aoi"


@given(st.lists(st.floats(-80, 80), min_size=4, max_size=4, unique_by=lambda x: round(x, 4)))
def test_a_box_is_the_same_as_text_and_as_numbers(numbers: list[float]) -> None:
    west, east, *latitudes = numbers
    box = [west, min(latitudes), east, max(latitudes)]
    read = Window.read(box)
    assert Window.read(str(read)) == read
    assert read.bounds == pytest.approx(box, abs=1e-6)


def test_areas_have_names_of_their_own(tmp_path: Path) -> None:
    assert window().name == "box_-150_61.1_-149.9_61.15"
    assert window(window=[-0.0, 1, 2, 3]).name == "box_0_1_2_3"
    triangle = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 1], [0, 0]]]}
    moved = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 1.001], [0, 0]]]}
    names = {
        window(search={"dataset": "landsat_ot_c2_l2", "aoi": area}).name
        for area in (triangle, moved, triangle)
    }
    assert len(names) == 2
    assert all(name.startswith("area_") for name in names)


def test_an_area_over_the_antimeridian_has_two_parts() -> None:
    assert len(window(window=[179.5, 10, -179.5, 11]).rings) == 2
    assert (
        window(window=[179.5, 10, 180.5, 11]).rings == window(window=[179.5, 10, -179.5, 11]).rings
    )


def test_a_config_without_a_window_is_the_same_job_as_before() -> None:
    plain = parse_config({"search": SEARCH, "products": [{"kind": "bands", "bands": ["red"]}]})
    prints = [
        fingerprint_of(search_plan_of(c), products_of(c))
        for c in (plain, config(None), config(), config([-150, 61, -149, 62]))
    ]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def one_cut(wanted: WantedFile) -> WantedFile:
    cut = WindowCuts(window()).cut(wanted, {})
    assert cut is not None
    return cut


class TestFiles:
    def test_files_of_a_window_have_its_folder(self) -> None:
        cut = one_cut(FILE)
        (place,) = LAYOUT.places_of(cut)
        assert place.relative.parts[-2:] == ("box_-150_61.1_-149.9_61.15", FILE.file_name)
        assert (cut.is_cut, FILE.is_cut) == (True, False)
        named = Layout(LayoutTemplate("{window}/{file}"), LAYOUT.bundles)
        assert str(named.places_of(FILE)[0].relative) == f"whole/{FILE.file_name}"
        assert len(named.places_of(cut)[0].relative.parts) == 2

    def test_texts_and_bundles_come_whole(self) -> None:
        text = FILE.replace(file_name=f"{SCENE}_MTL.txt")
        bundle = FILE.replace(file_name=f"{SCENE}.tar", kinds=("bundle",))
        cut_text, same = one_cut(text), one_cut(bundle)
        assert (cut_text.is_cut, cut_text.window) == (False, window().name)
        assert cut_text.estimate_bytes == text.estimate_bytes
        assert same == bundle

    def test_scenes_that_do_not_touch_it_are_left_out(self) -> None:
        cuts = WindowCuts(window())
        assert cuts.cut(FILE, {"s": [AROUND]})
        assert cuts.notes() == []
        elsewhere = tuple((x + 10, y) for x, y in AROUND)
        other = FILE.replace(scene_id="t")
        assert cuts.cut(other, {"t": [elsewhere]}) is None
        assert "1" in cuts.notes()[0].text

    def test_no_scene_at_all_is_a_warning(self) -> None:
        cuts = WindowCuts(window(window=[10, 10, 11, 11]))
        assert cuts.cut(FILE, {"s": [AROUND]}) is None
        (note,) = cuts.notes()
        assert (note.severity, "10" in note.text) == ("warning", True)

    def test_a_file_of_another_window_is_not_moved(self) -> None:
        cut = one_cut(FILE)
        there = str(LAYOUT.places_of(cut)[0].relative)
        known = KnownPath("bands", SCENE, there, "", window=cut.window)
        elsewhere = Layout(LayoutTemplate("{product_id}/{file}"), LAYOUT.bundles)
        assert planned_moves(LAYOUT, [FILE], [known]) == []
        assert planned_moves(LAYOUT, [cut.replace(window="box_1_2_3_4")], [known]) == []
        assert len(planned_moves(elsewhere, [cut], [known])) == 1

    @pytest.mark.parametrize("text", ["", "{}", "[1]", '{"source_bytes": "x"}', "\ud800"])
    def test_a_record_of_others_says_nothing(self, text: str) -> None:
        assert source_bytes_of(text) is None


class TestEstimates:
    def test_five_kilometres_are_about_half_a_percent(self) -> None:
        assert 0.002 < share_of([(-150.0, 61.1, -149.9, 61.15)], ()) < 0.01

    def test_an_area_larger_than_the_scene_is_all_of_it(self) -> None:
        assert share_of([(-160.0, 50.0, -140.0, 70.0)], [AROUND]) == 1.0
        assert share_of([(10.0, 10.0, 11.0, 11.0)], [AROUND]) == 0.0

    def test_over_the_antimeridian_it_is_as_much_as_elsewhere(self) -> None:
        parts = [(179.95, 61.1, 180.0, 61.15), (-180.0, 61.1, -179.95, 61.15)]
        elsewhere = share_of([(-150.0, 61.1, -149.9, 61.15)], ())
        assert share_of(parts, ()) == pytest.approx(elsewhere)

    def test_a_larger_area_costs_more(self) -> None:
        boxes = [(-150.0, 61.0, -150.0 + d, 61.0 + d / 2) for d in (0.0, 0.1, 0.5, 1.0)]
        shares = [share_of([box], [AROUND]) for box in boxes]
        assert shares == sorted(shares)
        assert 0 < shares[0] < shares[-1] < 1


@given(st.data())
def test_what_is_missing_of_some_spans(data: st.DataObject) -> None:
    """Byte by byte."""
    total = data.draw(st.integers(0, 60))
    edges = st.lists(st.integers(0, 60), max_size=8, unique=True).map(sorted)
    wanted, done = (
        tuple(Span(a, b) for a, b in zip(found[::2], found[1::2], strict=False))
        for found in (data.draw(edges), data.draw(edges))
    )
    found = missing_of(wanted, Coverage(done), total)

    def bytes_of(spans: Any) -> set[int]:
        return {n for span in spans for n in range(span.start, span.stop)}

    assert bytes_of(found) == (bytes_of(wanted) - bytes_of(done)) & set(range(total))
    assert found == sorted(found)
    assert all(span.size_bytes > 0 for span in found)


def test_a_line_of_json_names_the_window_of_a_raster() -> None:
    plain = FileFinished("bands", SCENE, "a.TIF", FileState.DOWNLOADED, 5)
    cut = as_json_line(
        FileFinished(
            "bands", SCENE, "a.TIF", FileState.DOWNLOADED, 5, window="box_1_2_3_4", whole_bytes=9
        )
    )
    assert cut == as_json_line(plain) | {"window": "box_1_2_3_4", "whole_bytes": 9}


def with_option(text: str, *products: dict[str, Any]) -> Any:
    found = parse_config({"search": SEARCH, "products": list(products)})
    return with_window(found, Window.read(text))


def test_an_option_replaces_the_window_of_a_config() -> None:
    bands = {"kind": "bands", "bands": ["red"]}
    group = {"kind": "band_group", "file_groups": ["ls_c2l2_sr_band"], "window": "aoi"}
    assert with_option("aoi", bands, {"kind": "bundle"}).window == "aoi"
    assert with_option("-150,61,-149,62", group).window.bounds == (-150, 61, -149, 62)
    with pytest.raises(ConfigError, match="bundles only") as error:
        with_option("aoi", {"kind": "bundle"})
    assert error.value.key == "--window"


def test_an_option_that_means_nothing_is_refused() -> None:
    raw = {"search": {"scenes": [SCENE]}, "products": [{"kind": "bands", "bands": ["red"]}]}
    with pytest.raises(ConfigError, match="has none") as error:
        with_window(parse_config(raw), Window.read("aoi"))
    assert error.value.key == "--window"
    assert with_window(parse_config(raw), None) == parse_config(raw)
