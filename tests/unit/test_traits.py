"""Tier, satellite, and day or night, by whatever name a dataset has for them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from asyncdl.config import parse_config
from asyncdl.errors import ConfigError
from asyncdl.job.choosing.search_plan import query_of
from asyncdl.m2m.models import DatasetFilter, Scene, read_reply
from asyncdl.m2m.searching.conditions import FieldsByName, SceneTraits, trait_filter
from asyncdl.m2m.searching.scene_search import SceneQuery, build_scene_filter
from tests.unit.test_search import Archive, found_by

DATA = Path(__file__).parent.parent / "data"
FILES = {
    "landsat_ot_c2_l1": "recorded_dataset-filters_landsat_ot_c2_l1_2025-10.json",
    "landsat_ot_c2_l2": "recorded_dataset-filters_landsat_ot_c2_l2_2024.json",
    "landsat_ard_tile_c2": "recorded_dataset-filters_landsat_ard_tile_c2_2024.json",
    "landsat_8_c1": "recorded_dataset-filters.json",
}


def recorded(dataset: str) -> list[DatasetFilter]:
    reply = json.loads((DATA / FILES[dataset]).read_text())
    return read_reply(reply["data"] if isinstance(reply, dict) else reply, list[DatasetFilter])


def filter_of(dataset: str, **traits: Any) -> Any:
    query = SceneQuery(dataset, traits=SceneTraits(**traits))
    return build_scene_filter(query, recorded(dataset)).get("metadataFilter")


def value(filter_id: str, text: str) -> dict[str, str]:
    return {"filterType": "value", "filterId": filter_id, "value": text, "operand": "="}


@pytest.mark.parametrize(
    ("dataset", "traits", "found"),
    [
        ("landsat_ot_c2_l1", {"tier": ("T1",)}, value("5e81f14fff5055a3", "T1")),
        ("landsat_ot_c2_l2", {"tier": ("RT",)}, value("5f6a6fb2137a3c00", "RT")),
        ("landsat_ot_c2_l1", {"satellite": (9,)}, value("61af93b8fad2acf5", "9")),
        ("landsat_ot_c2_l2", {"satellite": (8,)}, value("61af9273566bb9a8", "8")),
        ("landsat_ard_tile_c2", {"satellite": (7,)}, value("60fabf68dce2badd", "LANDSAT_7")),
        ("landsat_ot_c2_l1", {"day_night": "night"}, value("5e81f14f61bda7c4", "NIGHT")),
        ("landsat_8_c1", {"day_night": "day"}, value("5e83d0b83a03f8ee", "DAY")),
    ],
)
def test_every_dataset_is_asked_by_its_own_field_and_value(
    dataset: str, traits: dict[str, Any], found: object
) -> None:
    assert filter_of(dataset, **traits) == found


def test_several_traits_hold_together_and_beside_other_fields() -> None:
    traits = SceneTraits(tier=("T1", "T2"), day_night="day")
    query = SceneQuery("landsat_ot_c2_l1", metadata={"Data Type L1": "L1TP"}, traits=traits)
    tiers = [value("5e81f14fff5055a3", tier) for tier in ("T1", "T2")]
    assert build_scene_filter(query, recorded("landsat_ot_c2_l1"))["metadataFilter"] == {
        "filterType": "and",
        "childFilters": [
            value("5e81f14fcf660794", "L1TP"),
            {"filterType": "or", "childFilters": tiers},
            value("5e81f14f61bda7c4", "DAY"),
        ],
    }


def test_a_satellite_in_a_range_is_both_its_ends() -> None:
    field = DatasetFilter(id="s", field_label="Satellite", field_config={"type": "Range"})
    found = trait_filter("x", FieldsByName("x", [field]), SceneTraits(satellite=(8,)))
    assert found.conditions == (
        {"filterType": "between", "filterId": "s", "firstValue": 8, "secondValue": 8},
    )


IDS = (
    "LC08_L2SP_068017_20200310_20200822_02_T1",
    "LC09_L2SP_068017_20230310_20230822_02_T1",
    "LC08_L2SP_068017_20200411_20200822_02_T2",
)


class Unsearchable(Archive):
    """An archive of a dataset that has no metadata fields."""

    async def dataset_filters(self, dataset_name: str) -> list[DatasetFilter]:
        return []


@pytest.mark.parametrize(
    ("traits", "found"),
    [
        (SceneTraits(tier=("T1",)), ["0", "1"]),
        (SceneTraits(satellite=(8,)), ["0", "2"]),
        (SceneTraits(tier=("T1", "RT"), satellite=(9,)), ["1"]),
        (SceneTraits(satellite=(8, 9)), ["0", "1", "2"]),
    ],
)
async def test_what_cannot_be_searched_is_read_from_the_product_ids(
    traits: SceneTraits, found: list[str]
) -> None:
    archive = Unsearchable([Scene(entity_id=str(n), display_id=name) for n, name in enumerate(IDS)])
    query = SceneQuery("landsat_ot_c2_l2", traits=traits)
    ids, batches = await found_by(archive, query, page_size=2)
    assert ids == found
    assert (batches[-1].total_hits, batches[-1].is_exact) == (len(found), True)
    assert archive.filters == [{}]


async def test_a_limit_counts_only_what_is_wanted() -> None:
    scenes = [Scene(entity_id=str(n), display_id=IDS[n % 3]) for n in range(9)]
    query = SceneQuery("landsat_ot_c2_l2", limit=2, traits=SceneTraits(tier=("T2",)))
    ids, batches = await found_by(Unsearchable(scenes), query, page_size=2)
    assert ids == ["2", "5"]
    assert not batches[-1].is_exact and batches[-1].total_hits >= 3


def test_a_value_that_a_field_does_not_offer_is_read_from_the_product_ids() -> None:
    # The recorded list of satellites is cut short, as a list of the service may be.
    fields = FieldsByName("landsat_ot_c2_l2", recorded("landsat_ot_c2_l2"))
    found = trait_filter("landsat_ot_c2_l2", fields, SceneTraits(satellite=(9,)))
    assert found.conditions == ()
    assert [found.wants(name) for name in IDS] == [False, True, False]


def test_what_neither_the_service_nor_an_id_says_is_refused() -> None:
    for dataset in ("landsat_ot_c2_l2", "landsat_ard_tile_c2"):
        with pytest.raises(
            ConfigError, match=f"{dataset} does not support this condition"
        ) as refused:
            filter_of(dataset, day_night="night")
        assert refused.value.key == "search.day_night"
        assert "Spacecraft Identifier" in refused.value.allowed or "Satellite" in str(refused.value)
    with pytest.raises(ConfigError, match=r"search\.tier: naip does not support this condition"):
        build_scene_filter(SceneQuery("naip", traits=SceneTraits(tier=("T1",))), [])


def test_a_field_that_metadata_sets_by_its_id_clashes() -> None:
    query = SceneQuery(
        "landsat_ot_c2_l1",
        metadata={"5e81f14fff5055a3": "T2"},
        traits=SceneTraits(tier=("T1",)),
    )
    with pytest.raises(ConfigError, match=r"search\.tier: clashes with '5e81f14fff5055a3'"):
        build_scene_filter(query, recorded("landsat_ot_c2_l1"))


# --- in a config --------------------------------------------------------------------------


def query(**search: Any) -> SceneQuery:
    given = {"start": date(2020, 3, 1)} | search
    wanted = {key: value for key, value in given.items() if value is not None}
    raw = {"search": wanted, "products": [{"kind": "bundle"}]}
    return query_of(parse_config(raw).search)


def test_a_config_names_them_in_plain_words() -> None:
    found = query(dataset="landsat_ot_c2_l1", tier=["T1", "RT"], satellite=[9], day_night="day")
    assert found.traits == SceneTraits(("T1", "RT"), (9,), "day")
    assert found.needs_dataset_filters
    assert not query(dataset="landsat_ot_c2_l1").needs_dataset_filters


@pytest.mark.parametrize(
    ("search", "told", "allowed"),
    [
        ({"tier": ["T3"]}, "search.tier", '"T1", "T2", "RT"'),
        ({"tier": []}, "search.tier", '"T1", "T2", "RT"'),
        ({"satellite": [10]}, "search.satellite", "1 to 9"),
        ({"day_night": "dusk"}, "search.day_night", '"day" or "night"'),
        ({"satellite": [7]}, "landsat_ot_c2_l1 has no scenes of this satellite", "8, 9"),
        (
            {"dataset": "landsat_ard_tile_c2", "tier": ["T1"]},
            "the tiles of landsat_ard_tile_c2 have no tier",
            "none",
        ),
        (
            {"tier": ["T1"], "metadata": {"collection category": "T2"}},
            "clashes with 'collection category' in metadata",
            "one of tier, metadata",
        ),
        (
            {"satellite": [8], "metadata": {"Spacecraft_Identifier": "LANDSAT_9"}},
            "clashes with 'Spacecraft_Identifier' in metadata",
            "one of satellite, metadata",
        ),
        (
            {"start": None, "dataset": None, "tier": ["T1"], "scenes": [IDS[0]]},
            "cannot filter scenes that are named by id",
            "leave it out",
        ),
        ({"start": None, "day_night": "day"}, "would take the whole archive", "dates"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_network(
    search: dict[str, Any], told: str, allowed: str
) -> None:
    given = {"dataset": "landsat_ot_c2_l1"} | search
    with pytest.raises(ConfigError) as refused:
        query(**given)
    assert told in str(refused.value)
    assert allowed in refused.value.allowed
