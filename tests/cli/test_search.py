"""A search is shown for the eye or for a program, and never cut silently."""

from __future__ import annotations

import csv
import io
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from asyncdl.cli.search import COLUMNS, ORDERS, WRITERS, as_row, for_people
from asyncdl.m2m.models import Scene, TemporalCoverage
from asyncdl.m2m.searching.footprints import geometry_of
from asyncdl.m2m.searching.rings import signed_area
from tests.cli.terminal import Terminal

ANCHORAGE = ("search", "examples/anchorage.toml", "--sandbox")
IDS = [
    "LC08_L2SP_067018_20200303_20200822_02_T1",
    "LC08_L2SP_068017_20200310_20200822_02_T1",
    "LC08_L2SP_068018_20200310_20200822_02_T1",
]


def scene(product_id: str, *, cloud: float | None = 9.0, acquired: str = "2020-03-10") -> Scene:
    when = TemporalCoverage(start_date=f"{acquired} 00:00:00")
    return Scene(product_id, product_id, cloud_cover=cloud, temporal_coverage=when)


def test_ids_are_one_a_line_and_nothing_else(terminal: Terminal, folder: Path) -> None:
    assert terminal.run(*ANCHORAGE, "--format", "ids") == 0
    assert terminal.out.splitlines() == IDS


@pytest.mark.slow
def test_what_a_search_finds_is_what_a_piped_run_fetches(terminal: Terminal, folder: Path) -> None:
    pipe = "asyncdl search examples/anchorage.toml --sandbox --format ids --limit 1"
    assert terminal.play(f"{pipe} | asyncdl run examples/piped.toml --sandbox --json") == 0
    summary = orjson.loads(terminal.out.splitlines()[-1])
    assert (summary["scenes"], summary["files"]["downloaded"]) == (1, 3)
    assert [path.name for path in Path("examples/data/bands").iterdir()] == IDS[:1]


def test_as_csv_no_scenes_are_a_header_without_rows() -> None:
    assert WRITERS["csv"]([]) == ["acquired,cloud,path,row,tier,product_id,entity_id"]
    assert tuple(as_row(scene(IDS[0]))) == COLUMNS


def test_the_table_has_what_people_look_for() -> None:
    row = for_people(scene(IDS[1]), date(2020, 3, 22))
    assert row == {
        "date": "2020-03-10", "cloud": 9.0, "path/row": "68/17", "tier": "T1",
        "product id": IDS[1], "age": "12 d",
    }  # fmt: skip


def test_a_scene_of_another_kind_has_a_row_all_the_same() -> None:
    row = for_people(scene("M_3811", cloud=None, acquired=""), date(2020, 3, 22))
    assert (row["path/row"], row["cloud"], row["age"]) == (None, None, None)


def test_the_cloudiest_come_last_and_the_unknown_after_them() -> None:
    scenes = [scene("a", cloud=None), scene("b", cloud=50.0), scene("c", cloud=0.0)]
    assert [s.display_id for s in sorted(scenes, key=ORDERS["cloud"])] == ["c", "b", "a"]


def test_a_shortened_list_has_the_full_count(terminal: Terminal, folder: Path) -> None:
    assert terminal.run(*ANCHORAGE, "--limit", "1", "--sort", "cloud") == 0
    assert [line.split()[4] for line in terminal.out.splitlines()[1:]] == IDS[2:]
    assert "3 of 3 scenes" in terminal.err
    assert "Showing the first 1; --limit 0 shows all." in terminal.err


def test_a_long_table_is_cut_by_itself_and_nothing_else_is(
    terminal: Terminal, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncdl.cli.search.TABLE_ROWS", 2)
    for arguments, lines in [((), 3), (("--limit", "0"), 4), (("--format", "ids"), 3)]:
        assert terminal.run(*ANCHORAGE, *arguments) == 0
        assert len(terminal.out.splitlines()) == lines


def test_csv_is_read_back_row_by_row(terminal: Terminal, folder: Path) -> None:
    assert terminal.run(*ANCHORAGE, "--format", "csv") == 0
    rows = list(csv.DictReader(io.StringIO(terminal.out)))
    assert [row["product_id"] for row in rows] == IDS
    assert rows[0]["acquired"] == "2020-03-03"


def test_geojson_is_as_the_standard_and_qgis_have_it(terminal: Terminal, folder: Path) -> None:
    """RFC 7946: rings closed and counter-clockwise; and properties without anything nested."""
    assert terminal.run(*ANCHORAGE, "--format", "geojson") == 0
    collection = orjson.loads(terminal.out)
    assert collection.keys() == {"type", "features"}
    for feature in collection["features"]:
        assert feature.keys() == {"type", "id", "geometry", "properties"}
        assert not any(isinstance(v, dict | list) for v in feature["properties"].values())
        [ring] = feature["geometry"]["coordinates"]
        assert ring[0] == ring[-1] and signed_area(ring) > 0


CLOCKWISE = [[0, 0], [0, 1], [1, 1], [1, 0]]
OVER_THE_EDGE = [[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]


@pytest.mark.parametrize(
    ("ring", "kind", "parts"), [(CLOCKWISE, "Polygon", 1), (OVER_THE_EDGE, "MultiPolygon", 2)]
)
def test_a_footprint_is_closed_wound_and_cut_at_the_antimeridian(
    ring: list[Any], kind: str, parts: int
) -> None:
    geometry = geometry_of({"type": "Polygon", "coordinates": [ring]})
    assert geometry is not None and geometry["type"] == kind
    polygons = geometry["coordinates"] if parts > 1 else [geometry["coordinates"]]
    assert len(polygons) == parts
    for [outer] in polygons:
        assert outer[0] == outer[-1] and signed_area(outer) > 0
        assert all(abs(longitude) <= 180 for longitude, _ in outer)


@pytest.mark.parametrize("ring", [[], [[0, 0], [1, 1], [2, 2]], "odd"])
def test_what_encloses_nothing_is_no_geometry(ring: object) -> None:
    assert geometry_of({"type": "Polygon", "coordinates": [ring]}) is None


def test_json_is_an_option_as_of_every_other_command(terminal: Terminal, folder: Path) -> None:
    assert terminal.run(*ANCHORAGE, "--json") == 0
    as_json = terminal.out
    assert terminal.run(*ANCHORAGE, "--json", "--format", "json") == 0
    assert terminal.out == as_json
    assert terminal.run(*ANCHORAGE, "--format", "json") == 0
    assert terminal.out == as_json


def test_two_forms_at_once_are_refused(terminal: Terminal, folder: Path) -> None:
    assert terminal.run(*ANCHORAGE, "--json", "--format", "csv") == 2
    assert "exclude each other" in terminal.err


def test_one_scene_is_one_scene(terminal: Terminal, folder: Path) -> None:
    config = Path("examples/anchorage.toml")
    config.write_text(config.read_text().replace("end = 2020-03-15", "end = 2020-03-04"))
    assert terminal.run(*ANCHORAGE) == 0
    assert "1 of 1 scene\n" in terminal.err
