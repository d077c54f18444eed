"""The sandbox's pure rules: products, filters, faults, queue, signatures, ledger."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from asyncdl.cli.field_docs import field_docs
from asyncdl.errors import ConfigError
from asyncdl.m2m import bands
from asyncdl.m2m.naming import ARD_DATASET, LEVEL_3_DATASETS
from asyncdl.sandbox import Faults
from asyncdl.sandbox.dataset_records import DATASETS
from asyncdl.sandbox.fields import COLLECTION_1, fields_of
from asyncdl.sandbox.landsat_scenes import fixed_scenes
from asyncdl.sandbox.lookup import find_secondary, find_target
from asyncdl.sandbox.product_rows import rows_of
from asyncdl.sandbox.refusal import Refusal
from asyncdl.sandbox.request_log import RecentCounts, RequestLog
from asyncdl.sandbox.scene_catalog import Catalog
from asyncdl.sandbox.scene_files import files_of
from asyncdl.sandbox.scene_filter import SceneFilter, read_scene_filter
from asyncdl.sandbox.served_queue import ServedQueue, ServedState
from asyncdl.sandbox.served_scene_lists import MAX_ITEMS, ServedSceneLists
from asyncdl.sandbox.signing import Signer, download_token, read_download_token
from docs import make_sandbox

OT = "landsat_ot_c2_l2"
CATALOG = Catalog(generated=12_000)


def test_every_dataset_of_known_files_has_scenes_or_is_left_out_on_purpose() -> None:
    """No reply about level 3 is on record."""
    wanted = set(bands.DATASETS) - set(LEVEL_3_DATASETS.values())
    assert {name for name in wanted if name not in DATASETS or not CATALOG.count(name)} == set()


# --- products ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("product", "count"),
    [
        ("LC08_L2SP_068017_20200310_20200822_02_T1", 22),
        ("LC08_L2SR_047027_20201204_20210313_02_T1", 13),
        ("LC08_L1TP_068017_20200310_20200822_02_T1", 20),
        ("LE07_L2SP_068017_20020715_20200916_02_T1", 22),
        ("LE07_L1TP_068017_20020715_20200916_02_T1", 19),
        ("LT05_L1TP_068017_19950812_20200912_02_T1", 17),
        ("LM01_L1GS_001010_19720908_20200909_02_T2", 8),
    ],
)
def test_each_kind_of_product_has_its_files(product: str, count: int) -> None:
    target = find_target(CATALOG, f"{product}.tar")
    assert target is not None
    assert len(files_of(target.scene)) == count


@pytest.mark.parametrize("scene", fixed_scenes(), ids=lambda scene: scene.display_id)
def test_every_file_is_found_by_its_entity_and_by_its_name(scene: Any) -> None:
    for file in files_of(scene):
        assert find_secondary(CATALOG, file.entity_id(scene.display_id)) == (scene, file)
        target = find_target(CATALOG, file.name(scene.display_id))
        assert target is not None
        assert (target.scene, target.file) == (scene, file)


@pytest.mark.parametrize("text", ["", "L2SR_", "L2SR_x_SR_B4_TIF", "LC80680172020070LGN00"])
def test_other_texts_are_no_file(text: str) -> None:
    assert find_secondary(CATALOG, text) is None
    assert find_target(CATALOG, text) is None


def test_product_ids_differ_between_datasets() -> None:
    ids = [row.id for d in DATASETS.values() if d.has_scenes for row in rows_of(d.alias)]
    assert len(ids) == len(set(ids))


# --- filters -----------------------------------------------------------------------


def matches(**scene_filter: Any) -> list[str]:
    found = CATALOG.search(read_scene_filter(OT, scene_filter))
    return [CATALOG.scene(number).display_id for number in found]


def field(label: str) -> str:
    return next(f.id_in(OT) for f in fields_of(OT) if f.label == label)


def test_search_without_a_filter_finds_all_of_the_dataset() -> None:
    assert len(matches()) == CATALOG.count(OT)


def test_acquisition_and_ingest_dates_are_inclusive() -> None:
    assert matches(acquisitionFilter={"start": "2020-03-10", "end": "2020-03-10T23:00:00Z"}) == [
        "LC08_L2SP_068017_20200310_20200822_02_T1",
        "LC08_L2SP_068018_20200310_20200822_02_T1",
    ]
    day = {"start": "2021-03-13", "end": "2021-03-13"}
    assert matches(ingestFilter=day) == ["LC08_L2SR_047027_20201204_20210313_02_T1"]


def test_cloud_filter_leaves_unknown_out_unless_told() -> None:
    full = {"min": 0, "max": 100}
    unknown = len(matches(cloudCoverFilter={**full, "includeUnknown": True})) - len(
        matches(cloudCoverFilter=full)
    )
    assert unknown > 0


def test_months_and_polygon_with_a_hole() -> None:
    months = {text.split("_")[3][4:6] for text in matches(seasonalFilter=[1, 3])}
    assert months == {"01", "03"}
    outer = [[-152, 58], [-145, 58], [-145, 63], [-152, 63], [-152, 58]]
    hole = [[-151.9, 58.1], [-145.1, 58.1], [-145.1, 62.9], [-151.9, 62.9], [-151.9, 58.1]]
    geometry = {"type": "Polygon", "coordinates": [outer]}
    around = {"filterType": "geojson", "geoJson": geometry}
    assert "LC08_L2SP_068017_20200310_20200822_02_T1" in matches(spatialFilter=around)
    geometry["coordinates"] = [outer, hole]
    assert "LC08_L2SP_068017_20200310_20200822_02_T1" not in matches(spatialFilter=around)


def test_metadata_tree() -> None:
    tier = {"filterType": "value", "filterId": field("Collection Category"), "value": "T2"}
    name = {
        "filterType": "value",
        "filterId": field("Landsat Product Identifier L2"),
        "value": "%_068017_%",
        "operand": "like",
    }
    either = {"filterType": "or", "childFilters": [tier, name]}
    both = {"filterType": "and", "childFilters": [tier, name]}
    assert len(matches(metadataFilter=name)) == 3
    assert matches(metadataFilter=both) == []
    assert len(matches(metadataFilter=either)) == len(matches(metadataFilter=tier)) + 3


def test_select_field_with_a_ceiling_takes_everything_below() -> None:
    """Only tiles and Collection 1 have such fields on record."""
    fill = next(f for f in fields_of(ARD_DATASET) if f.label == "Fill (No Data)")
    clear = {"filterType": "value", "filterId": fill.id, "value": "25"}
    found = CATALOG.search(read_scene_filter(ARD_DATASET, {"metadataFilter": clear}))
    values = {fill.read(CATALOG.scene(number)) for number in found}
    assert values == {14, 21}
    assert {f.label for f in fields_of(COLLECTION_1) if f.is_ceiling} == {
        "Land Cloud Cover",
        "Scene Cloud Cover",
    }


@pytest.mark.parametrize("alias", ["landsat_ot_c2_l1", OT, "landsat_tm_c2_l1", ARD_DATASET])
def test_every_scene_is_found_by_the_value_of_each_of_its_fields(alias: str) -> None:
    few = Catalog()
    for known in fields_of(alias):
        everything = few.search(SceneFilter(alias))
        values = {known.read(few.scene(number)) for number in everything} - {None}
        assert values, known.label
        for value in values:
            tree: Any = {"filterType": "value", "filterId": known.id, "value": str(value)}
            if known.kind == "Range":
                tree |= {"filterType": "between", "firstValue": value, "secondValue": value}
            found = few.search(read_scene_filter(alias, {"metadataFilter": tree}))
            assert value in {known.read(few.scene(number)) for number in found}, known.label


@pytest.mark.parametrize(
    "wrong",
    [
        {"spatialFilter": {"filterType": "circle"}},
        {"spatialFilter": {"filterType": "geojson", "geoJson": {"type": "MultiPolygon"}}},
        {
            "spatialFilter": {
                "filterType": "geojson",
                "geoJson": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]]]},
            }
        },
        {"acquisitionFilter": {"start": "yesterday"}},
        {"seasonalFilter": [13]},
        {"metadataFilter": {"filterType": "value", "filterId": "no-such"}},
        {"metadataFilter": {"filterType": "value", "value": "T1"}},
        {"metadataFilter": {"filterType": "and"}},
        {"metadataFilter": {"filterType": "not", "childFilters": []}},
        {"metadataFilter": {"filterType": "between", "filterId": field("WRS Path")}},
        ["cloudCoverFilter"],
        "all",
    ],
)
def test_filters_of_a_wrong_shape_are_refused(wrong: Any) -> None:
    with pytest.raises(Refusal):
        read_scene_filter(OT, wrong)


# --- faults --------------------------------------------------------------------------


def test_settings_are_parsed_and_later_ones_win() -> None:
    faults = Faults.parse(["chaos=7", "preparing=0.5", "never=*_B4.TIF", "ranges=no", "polls=3"])
    assert (faults.seed, faults.preparing, faults.never) == (7, 0.5, "*_B4.TIF")
    assert (faults.ranges, faults.polls, faults.error) == (False, 3, Faults.chaos(7).error)


def test_switch_without_a_value_is_on() -> None:
    assert Faults.parse(["bundle_changes"]).bundle_changes is True


def test_chaos_alone_has_the_seed_0() -> None:
    assert Faults.parse(["chaos"]) == Faults.chaos(0) != Faults.chaos(1)


def test_a_seed_of_chaos_decides_what_nobody_knows_and_rates_stay() -> None:
    many = [Faults.chaos(seed) for seed in range(40)]
    assert {faults.disposition for faults in many} == {"quoted", "unquoted", "missing"}
    assert len({faults.corrupt for faults in many}) == 1


def test_page_of_the_sandbox_is_up_to_date() -> None:
    assert make_sandbox.PAGE.read_text(encoding="utf-8") == make_sandbox.page()


@pytest.mark.parametrize("field", fields(Faults), ids=lambda field: field.name)
def test_every_fault_has_a_meaning_and_a_kind_that_can_be_read(field: Any) -> None:
    assert field_docs(Faults)[field.name]
    default = str(getattr(Faults(), field.name))
    assert getattr(Faults.parse([f"{field.name}={default}"]), field.name) == field.default


def test_unknown_fault_lists_what_there_is() -> None:
    with pytest.raises(ConfigError, match=r"no fault 'short'.*chaos, .*short_body"):
        Faults.parse(["short=1"])


@pytest.mark.parametrize(
    "setting",
    [
        "polls=many",
        "polls=-1",
        "preparing=2",
        "preparing=",
        "ranges=maybe",
        "chaos=",
        "down_mode=404",
    ],
)
def test_bad_values_say_what_would_be_right(setting: str) -> None:
    with pytest.raises(ConfigError, match="allowed"):
        Faults.parse([setting])


def test_same_seed_strikes_the_same_files_at_about_its_share() -> None:
    names = [f"{n}.TIF" for n in range(2000)]
    picked = [name for name in names if Faults(preparing=0.3).picks("preparing", name)]
    assert picked == [name for name in names if Faults(preparing=0.3).picks("preparing", name)]
    assert picked != [name for name in names if Faults(1, preparing=0.3).picks("preparing", name)]
    assert 500 < len(picked) < 700


def test_faults_stop_after_their_strikes_unless_there_is_no_limit() -> None:
    faults = Faults(error="*.TIF", strikes=2)
    assert [faults.hits("error", "a.TIF", nth) for nth in (1, 2, 3)] == [True, True, False]
    assert not faults.hits("error", "a.txt", 1)
    assert Faults(error=1.0, strikes=0).hits("error", "a.TIF", 99)


# --- queue, lists, signatures, ledger ------------------------------------------------


def test_polls_count_down_only_what_is_preparing() -> None:
    queue = ServedQueue()
    soon, never, ready = (queue.add(scene, 0, "p", "job") for scene in range(3))
    soon.state, soon.polls = ServedState.PREPARING, 2
    never.state, never.polls = ServedState.PREPARING, -1
    for _ in range(2):
        queue.poll(queue.labelled("job"))
    assert [item.state for item in (soon, never, ready)] == ["Available", "Queued", "Available"]
    assert (queue.preparing, queue.unattempted) == (1, 2)


def test_recent_downloads_leave_the_window() -> None:
    queue = ServedQueue()
    queue.record_recent(0.0, 5)
    queue.record_recent(10.0, 1)
    assert [queue.count_recent(now, 15.0) for now in (10.0, 15.0, 25.0)] == [6, 1, 0]


def test_scene_list_has_room_for_fifty_thousand() -> None:
    lists = ServedSceneLists()
    assert lists.add("a", OT, map(str, range(MAX_ITEMS))) == MAX_ITEMS
    assert lists.add("a", OT, ["1"]) == 0
    with pytest.raises(Refusal):
        lists.add("a", OT, ["more"])


def test_signature_is_refused_for_another_file_and_another_sandbox() -> None:
    now = 1000.0
    signer = Signer(0, lambda: now)
    signature = signer.sign("a.TIF", 7)
    assert signer.check("a.TIF", signature, 10.0) == 7
    assert signer.check("b.TIF", signature, 10.0) is None
    assert Signer(1, lambda: now).check("a.TIF", signature, 10.0) is None
    now = 1011.0
    assert signer.check("a.TIF", signature, 10.0) is None


@pytest.mark.parametrize("text", ["", "x", "eyJ4IjoxfQ==", "WzFd", "ä"])
def test_texts_that_are_no_token_mean_nothing(text: str) -> None:
    assert read_download_token(text) is None
    assert Signer(0, lambda: 0.0).check("a", text, 1.0) is None


def test_download_token_is_read_back() -> None:
    assert read_download_token(download_token(46_233_750)) == 46_233_750


def test_ledger_forgets_the_oldest_and_keeps_no_long_lists() -> None:
    counts = RecentCounts(keep=2)
    for name in "aabca":
        counts.count(name)
    assert dict(counts) == {"c": 1, "a": 1}
    ledger = RequestLog(keep=10)
    ledger.record_call("scene-list-add", {"entityIds": ["x"] * 50_000}, None)
    assert ledger.call_log[0].payload == {"entityIds": "(50000 items)"}
