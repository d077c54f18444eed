"""Readable names and values become the service's conditions."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from asyncdl.errors import ConfigError
from asyncdl.m2m.models import DatasetFilter, read_reply
from asyncdl.m2m.searching.conditions import FieldsByName, metadata_filter

DATA = Path(__file__).parent.parent / "data"
PATH, ROW = "5e83d0b81d20cee8", "5e83d0b849ed5ee7"
TIER, NAME = "5e83d0b8fb079b8b", "5e83d0b84d321b85"


@pytest.fixture(scope="module")
def fields() -> FieldsByName:
    reply = json.loads((DATA / "recorded_dataset-filters.json").read_text())
    return FieldsByName("landsat_8_c1", read_reply(reply["data"], list[DatasetFilter]))


def value(filter_id: str, text: str, operand: str = "=") -> dict[str, Any]:
    return {"filterType": "value", "filterId": filter_id, "value": text, "operand": operand}


def between(filter_id: str, lowest: object, highest: object) -> dict[str, Any]:
    return {
        "filterType": "between",
        "filterId": filter_id,
        "firstValue": lowest,
        "secondValue": highest,
    }


@pytest.mark.parametrize(
    "name",
    ["Collection Category", "collection_category", "COLLECTION-category", "5e83d0b8fb079b8b"],
)
def test_a_field_name_need_not_be_exact(fields: FieldsByName, name: str) -> None:
    assert metadata_filter(fields, {name: "T1"}) == value(TIER, "T1")


def test_a_slash_and_advice_in_brackets_may_be_left_out(fields: FieldsByName) -> None:
    assert fields.find("day night indicator", key="").field_label == "Day/Night Indicator"
    assert fields.find("date_l1_generated", key="").id == "5e83d0b8fcbae1d4"


@pytest.mark.parametrize("text", ["T1", "t1", "Tier 1", "tier_1"])
def test_a_value_is_found_by_itself_or_by_its_label(fields: FieldsByName, text: str) -> None:
    assert metadata_filter(fields, {"Collection Category": text}) == value(TIER, "T1")


def test_a_list_of_values_means_any_of_them(fields: FieldsByName) -> None:
    assert metadata_filter(fields, {"Collection Category": ["T1", "T2"]}) == {
        "filterType": "or",
        "childFilters": [value(TIER, "T1"), value(TIER, "T2")],
    }


def test_a_pair_for_a_range_is_lowest_and_highest(fields: FieldsByName) -> None:
    found = metadata_filter(fields, {"Sun Elevation": [20, 55.5]})
    assert found == between("5e83d0b8e75dc797", 20, 55.5)


def test_a_single_number_for_a_range_is_both_ends(fields: FieldsByName) -> None:
    assert metadata_filter(fields, {"WRS Path": 68}) == between(PATH, 68, 68)


def test_several_ranges_mean_any_of_them(fields: FieldsByName) -> None:
    assert metadata_filter(fields, {"WRS Path": [[1, 3], 7]}) == {
        "filterType": "or",
        "childFilters": [between(PATH, 1, 3), between(PATH, 7, 7)],
    }


def test_a_date_is_written_as_the_service_wants_it(fields: FieldsByName) -> None:
    days = [date(2020, 3, 1), date(2020, 3, 15)]
    found = metadata_filter(fields, {"Date L-1 Generated": days})
    assert found is not None
    assert (found["firstValue"], found["secondValue"]) == ("2020/03/01", "2020/03/15")


def test_a_star_in_a_text_means_anything(fields: FieldsByName) -> None:
    found = metadata_filter(fields, {"Landsat Product Identifier": "LC08_*_T1"})
    assert found == value(NAME, "LC08_%_T1", "like")


def test_path_and_row_belong_together(fields: FieldsByName) -> None:
    pair = {"filterType": "and", "childFilters": [between(PATH, 68, 68), between(ROW, 17, 17)]}
    other = {"filterType": "and", "childFilters": [between(PATH, 67, 67), between(ROW, 18, 18)]}
    assert metadata_filter(fields, {}, [(68, 17)]) == pair
    assert metadata_filter(fields, {"Collection Category": "T1"}, [(68, 17), (67, 18)]) == {
        "filterType": "and",
        "childFilters": [
            value(TIER, "T1"),
            {"filterType": "or", "childFilters": [pair, other]},
        ],
    }


def test_an_unknown_field_lists_what_there_is(fields: FieldsByName) -> None:
    with pytest.raises(ConfigError, match="did you mean 'Sun Elevation'") as caught:
        metadata_filter(fields, {"sun elevatoin": 3})
    assert "WRS Path" in caught.value.allowed


def test_a_dataset_without_path_and_row_says_so() -> None:
    with pytest.raises(ConfigError, match="naip has no metadata field 'WRS Path'") as caught:
        metadata_filter(FieldsByName("naip", []), {}, [(68, 17)])
    assert (caught.value.key, caught.value.allowed) == ("search.wrs", "none")


@pytest.mark.parametrize(
    ("name", "wanted", "allowed"),
    [
        ("Collection Category", "T9", "T1, T2, RT"),
        ("Collection Category", [], "at least one value"),
        ("Collection Category", True, "a text, a number or a date"),
        ("Collection Category", {"a": 1}, "a text, a number or a date"),
        ("WRS Path", [1, 2, 3], "[lowest, highest]"),
        ("WRS Path", [1, None], "a text, a number or a date"),
    ],
)
def test_a_bad_value_says_what_would_be_right(
    fields: FieldsByName, name: str, wanted: object, allowed: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        metadata_filter(fields, {name: wanted})
    assert caught.value.allowed == allowed
    assert caught.value.key == "search.metadata"
