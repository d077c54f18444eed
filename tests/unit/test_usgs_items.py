"""Items say what the service's own items say, field by field, but for what is meant otherwise."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from asyncdl.items.facts import SceneFacts
from asyncdl.items.metadata import read_facts
from docs.make_items import ABSENT, EQUAL, MEANT, PAGE, Pair, modern, ours_of, pairs_of, rows_of

Json = dict[str, Any]


@pytest.fixture
def pairs(data: Path) -> list[Pair]:
    """The recorded items, each with ours."""
    return list(pairs_of([data]))


def table() -> list[list[str]]:
    """The cells of the large table of the page, with its head."""
    page = PAGE.read_text(encoding="utf-8")
    rows = page[page.index("\n| field |") :].strip().split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_page_is_of_more_than_the_recorded_items(pairs: list[Pair]) -> None:
    """Eight products of five instruments, each in a column that says what is so today."""
    page = PAGE.read_text(encoding="utf-8")
    listed = re.findall(r"^\| (\d+) \| `(\S+)` \| (\S+) \|$", page, re.MULTILINE)
    assert len({item.removesuffix("_SR").removesuffix("_ST") for _, item, _ in listed}) >= 8
    assert {item[:2] for _, item, _ in listed} == {"LM", "LT", "LE", "LC"}
    head, _, *rows = table()
    numbers = {(item, version): n for n, item, version in listed}
    assert len(pairs) == 3
    for pair in pairs:
        column = head.index(numbers[pair.theirs["id"], pair.theirs["stac_version"]])
        assert {row[0].strip("`"): row[column] for row in rows} == rows_of(pair)


def test_every_difference_is_explained_and_every_explanation_is_needed() -> None:
    cells = {letter for row in table()[2:] for cell in row[1:] for letter in cell.split(", ")}
    assert cells - {EQUAL, ABSENT} == MEANT.keys()


@pytest.mark.parametrize(
    "change",
    [
        lambda item: item["properties"].pop("landsat:scene_id"),
        lambda item: item["properties"].update({"view:sun_azimuth": 1.0}),
        lambda item: item["assets"]["qa_pixel"].update(roles=["data"]),
        lambda item: item["geometry"].update(coordinates=[[[0, 0], [1, 0], [1, 1], [0, 0]]]),
    ],
)
def test_a_difference_that_nobody_meant_is_found(pairs: list[Pair], change: Any) -> None:
    pair = pairs[0]
    ours = json.loads(json.dumps(pair.ours))
    change(ours)
    with pytest.raises(AssertionError, match=pair.name):
        rows_of(Pair(pair.name, pair.theirs, ours, False))


# --- the three forms of the metadata ------------------------------------------------------


def metadata_of(item: Json) -> dict[str, dict[str, str]]:
    """The metadata file that an item of the service was made from, as far as it matters here."""
    told = item["properties"]
    size, _, left, _, _, top = told["proj:transform"]
    rows, columns = told["proj:shape"]
    cover = {"CLOUD_COVER": str(told.get("eo:cloud_cover", -1))}
    return {
        "PRODUCT_CONTENTS": {"PROCESSING_LEVEL": told["landsat:correction"]},
        "IMAGE_ATTRIBUTES": {
            "DATE_ACQUIRED": told["datetime"][:10],
            "SCENE_CENTER_TIME": f"{told['datetime'][11:-1]}0Z",
            **cover,
            "CLOUD_COVER_LAND": str(told["landsat:cloud_cover_land"]),
            "SUN_AZIMUTH": str(told["view:sun_azimuth"]),
            "SUN_ELEVATION": str(told["view:sun_elevation"]),
            **({"NADIR_OFFNADIR": "NADIR"} if "OLI" in told["instruments"] else {}),
        },
        "PROJECTION_ATTRIBUTES": {
            "MAP_PROJECTION": "UTM",
            "DATUM": "WGS84",
            "UTM_ZONE": str(told["proj:epsg"] - 32600),
            "GRID_CELL_SIZE_REFLECTIVE": f"{size:.2f}",
            "REFLECTIVE_LINES": str(rows),
            "REFLECTIVE_SAMPLES": str(columns),
            "CORNER_UL_PROJECTION_X_PRODUCT": f"{left + size / 2:.3f}",
            "CORNER_UL_PROJECTION_Y_PRODUCT": f"{top - size / 2:.3f}",
        },
        "LEVEL1_PROCESSING_RECORD": {"LANDSAT_SCENE_ID": told["landsat:scene_id"]},
    }


def as_text(groups: dict[str, dict[str, str]]) -> str:
    lines = ["GROUP = LANDSAT_METADATA_FILE"]
    for group, fields in groups.items():
        lines += [f"  GROUP = {group}", *(f'    {k} = "{v}"' for k, v in fields.items())]
        lines += [f"  END_GROUP = {group}"]
    return "\n".join([*lines, "END_GROUP = LANDSAT_METADATA_FILE", "END", ""])


def as_xml(groups: dict[str, dict[str, str]]) -> str:
    body = "\n".join(
        f"<{group}>\n" + "\n".join(f"  <{k}>{v}</{k}>" for k, v in fields.items()) + f"\n</{group}>"
        for group, fields in groups.items()
    )
    return f"<LANDSAT_METADATA_FILE>\n{body}\n</LANDSAT_METADATA_FILE>"


def as_json(groups: dict[str, dict[str, str]]) -> str:
    return json.dumps({"LANDSAT_METADATA_FILE": groups})


@pytest.mark.parametrize("form", [as_text, as_xml, as_json])
def test_an_item_of_the_metadata_is_the_same_in_each_form(pairs: list[Pair], form: Any) -> None:
    for pair in pairs:
        scene = re.sub("_S[RT]$", "", pair.name)
        facts = read_facts(form(metadata_of(modern(pair.theirs))))
        assert facts != SceneFacts()
        again = Pair(pair.name, pair.theirs, ours_of(scene, facts, pair.theirs), True)
        assert rows_of(again) == rows_of(pair)
