"""What STAC items tell, and what is made of nonsense."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.stac import FileDigest
from asyncdl.stac.items import (
    NotAnItemCollection,
    items_of,
    merge,
    next_page,
    parse_multihash,
    read_page,
)
from tests.damage import Json, damage

SHA512, SHA256 = "ab" * 64, "cd" * 32


def read_item(item: Any) -> dict[str, dict[str, FileDigest]]:
    return read_page(orjson.dumps({"features": [item]})).items


@pytest.mark.parametrize(
    ("product_id", "items"),
    [
        (
            "LT05_L2SP_010067_19860424_20200918_02_T2",
            {"_SR": "landsat-c2l2-sr", "_ST": "landsat-c2l2-st"},
        ),
        ("LO08_L2SR_010067_20200424_20200918_02_T2", {"_SR": "landsat-c2l2-sr"}),
        ("LM01_L1GS_001010_19720908_20200909_02_T2", {"": "landsat-c2l1"}),
        ("LE07_L1TP_001010_20000908_20200909_01_T1", {}),
        ("LC08_AK_004003_20200101_20210504_02", {}),
        ("M_3809_NE", {}),
    ],
)
def test_each_level_has_its_items(product_id: str, items: dict[str, str]) -> None:
    assert items_of(product_id) == {product_id + suffix: kind for suffix, kind in items.items()}


@pytest.mark.parametrize(
    ("name", "files", "last"),
    [
        ("LC08_L2SP_047027_20201204_SR", 16, "SR_B1.TIF"),
        ("LT05_L2SP_010067_19860424_ST", 17, "ST_B6.TIF"),
        ("LM01_L1GS_001010_19720908", 11, "B4.TIF"),
    ],
)
def test_recorded_items_are_read(data: Path, name: str, files: int, last: str) -> None:
    item = json.loads((data / f"recorded_stac-item_{name}.json").read_text())
    ((_, digests),) = read_item(item).items()
    assert len(digests) == files and all(d.algorithm == "sha512" for d in digests.values())
    assert any(file.endswith(last) for file in digests)


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        ("1340" + SHA512, FileDigest("sha512", SHA512)),
        (" 1340" + SHA512.upper() + "\n", FileDigest("sha512", SHA512)),
        ("1220" + SHA256, FileDigest("sha256", SHA256)),
        ("1340" + SHA256, None),
        ("1220" + SHA512, None),
        ("1340" + "g" * 128, None),
        ("1340" + "٣" * 128, None),
        ("1114" + "a" * 40, None),
        ("", None),
        (1340, None),
        (None, None),
    ],
)
def test_only_sha_2_in_hex_is_a_digest(text: object, digest: FileDigest | None) -> None:
    assert parse_multihash(text) == digest


@pytest.mark.parametrize(
    "item",
    [
        {"id": "a", "assets": None},
        {"id": "a", "assets": []},
        {"id": "a", "assets": {"b": 1, "c": None, "d": []}},
        {"id": "a", "assets": {"b": {"href": "x/old.TIF"}}},
        {"id": "a", "assets": {"b": {"href": 5, "file:checksum": "1340" + SHA512}}},
        {"id": "a", "assets": {"b": {"href": "http://host/", "file:checksum": "1340" + SHA512}}},
        {"id": "a", "assets": {"b": {"href": "x/a.TIF", "file:checksum": {}}}},
        {"id": "a"},
    ],
)
def test_an_item_without_sense_tells_nothing(item: object) -> None:
    assert read_item(item) == {"a": {}}


def test_one_bad_asset_does_not_spoil_the_others() -> None:
    good = {"href": "https://host/a/b.TIF?x=/c", "file:checksum": "1340" + SHA512}
    told = read_item({"id": "a", "assets": {"x": 1, "good": good, "y": {"file:checksum": 0}}})
    assert told == {"a": {"b.TIF": FileDigest("sha512", SHA512)}}


def test_items_that_disagree_about_a_file_tell_nothing_of_it() -> None:
    one, two = FileDigest("sha256", "1" * 64), FileDigest("sha256", "2" * 64)
    merged = merge([{"a": one, "b": one}, {"a": two, "c": two}, {"a": one, "b": one}])
    assert merged == {"b": one, "c": two}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "features",
                    "id",
                    "assets",
                    "href",
                    "file:checksum",
                    "links",
                    "rel",
                    "method",
                    "body",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(json_values | st.builds(lambda f, n: {"features": f, "links": n}, json_values, json_values))
def test_any_json_is_a_page_or_is_refused(value: object) -> None:
    """Nothing else is raised, whatever comes."""
    try:
        page = read_page(orjson.dumps(value))
    except NotAnItemCollection:
        return
    link = next_page({}, page.next, "https://host")
    assert link is None or link.url.startswith("https://host/")


@given(st.binary(max_size=50))
def test_any_bytes_are_a_page_or_are_refused(body: bytes) -> None:
    try:
        read_page(body)
    except NotAnItemCollection:
        return


ITEMS: list[Json] = [
    orjson.loads(path.read_bytes())
    for path in sorted((Path(__file__).parent.parent / "data").glob("recorded_stac-item_*"))
]


@pytest.mark.parametrize("seed", range(100))
def test_an_item_that_is_damaged_costs_no_other(seed: int) -> None:
    """Whatever stands in an item, or in the page around it, but for the list of items."""
    whole = {item["id"]: read_item(item)[item["id"]] for item in ITEMS}
    chance = random.Random(seed)
    odd = damage(chance, ITEMS[0], Any, 20, lambda path: False)
    page = {"features": [odd, *ITEMS[1:], None, 7], "links": odd.get("links"), "numberMatched": odd}
    items = read_page(orjson.dumps(page)).items
    assert {item["id"]: items[item["id"]] for item in ITEMS[1:]} == {
        item["id"]: whole[item["id"]] for item in ITEMS[1:]
    }
