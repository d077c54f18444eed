"""A query becomes the service's filter, and its pages come to an end."""

from collections.abc import Sequence
from contextlib import aclosing
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.m2m.models import DatasetFilter, Flag, Json, Scene, SceneOptions, ScenePage
from asyncdl.m2m.searching.area import SearchArea, area_from_bbox
from asyncdl.m2m.searching.scene_search import (
    MAX_SCENES,
    SceneBatch,
    SceneQuery,
    build_scene_filter,
    next_start,
    search_scenes,
)

ANCHORAGE = area_from_bbox(-150.9495, 61.0031, -148.9555, 61.4834)
TWICE = SearchArea(ANCHORAGE.filters * 2)


def page_of(
    count: int, *, total: int | None, next_record: int | None, accuracy: str = ""
) -> ScenePage:
    return ScenePage(
        results=[Scene(entity_id=str(number)) for number in range(count)],
        records_returned=count,
        total_hits=total,
        total_hits_accuracy=accuracy,
        next_record=next_record,
    )


class Archive:
    """Serves scenes as the service does, and keeps what it was asked."""

    def __init__(self, *parts: Sequence[Scene], accuracy: str = "exact") -> None:
        self.parts = parts
        self.accuracy = accuracy
        self.asked: list[tuple[int, int]] = []
        self.filters: list[Json] = []

    async def scene_search(
        self,
        dataset_name: str,
        scene_filter: Json | None,
        *,
        starting_number: int = 1,
        max_results: int = 100,
        metadata_type: str | None = None,
    ) -> ScenePage:
        if starting_number == 1:
            self.filters.append(scene_filter)
        self.asked.append((starting_number, max_results))
        scenes = self.parts[len(self.filters) - 1]
        first = starting_number - 1
        found = list(scenes[first : first + max_results])
        # API notes, section 4.1: 1 after a single hit, the total at the end.
        following = min(starting_number + len(found), max(len(scenes), 1))
        return ScenePage(
            results=found,
            records_returned=len(found),
            total_hits=len(scenes),
            total_hits_accuracy=self.accuracy,
            starting_number=starting_number,
            next_record=following,
        )

    async def dataset_filters(self, dataset_name: str) -> list[DatasetFilter]:
        return [
            DatasetFilter(id="p", field_label="WRS Path", field_config={"type": "Range"}),
            DatasetFilter(id="r", field_label="WRS Row", field_config={"type": "Range"}),
        ]


def scenes(*numbers: int) -> list[Scene]:
    return [Scene(entity_id=str(number)) for number in numbers]


async def found_by(
    archive: Archive, query: SceneQuery, *, page_size: int = 10
) -> tuple[list[str], list[SceneBatch]]:
    async with aclosing(search_scenes(archive, query, page_size=page_size)) as search:
        batches = [batch async for batch in search]
    return [scene.entity_id for batch in batches for scene in batch.scenes], batches


def test_the_filter_of_the_notebook() -> None:
    query = SceneQuery(
        "landsat_ot_c2_l2",
        area=ANCHORAGE,
        start=date(2020, 3, 1),
        end=date(2020, 3, 15),
        cloud_cover=(0, 60),
    )
    assert build_scene_filter(query, spatial=ANCHORAGE.filters[0]) == {
        "spatialFilter": {
            "filterType": "mbr",
            "lowerLeft": {"latitude": 61.0031, "longitude": -150.9495},
            "upperRight": {"latitude": 61.4834, "longitude": -148.9555},
        },
        "acquisitionFilter": {"start": "2020-03-01", "end": "2020-03-15"},
        "cloudCoverFilter": {"min": 0, "max": 60, "includeUnknown": False},
    }


def test_a_query_without_conditions_is_an_empty_filter() -> None:
    assert build_scene_filter(SceneQuery("naip")) == {}


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (date(2020, 1, 1), None, {"start": "2020-01-01", "end": "2100-12-31"}),
        (None, date(2020, 1, 1), {"start": "1900-01-01", "end": "2020-01-01"}),
    ],
)
def test_half_a_period_is_open_at_the_other_end(
    start: date | None, end: date | None, expected: dict[str, Any]
) -> None:
    query = SceneQuery("naip", start=start, end=end)
    assert build_scene_filter(query)["acquisitionFilter"] == expected


def test_who_takes_overcast_scenes_takes_ungraded_ones() -> None:
    query = SceneQuery("naip", cloud_cover=(10, 100), months=(7, 6, 7))
    assert build_scene_filter(query) == {
        "cloudCoverFilter": {"min": 10, "max": 100, "includeUnknown": True},
        "seasonalFilter": [6, 7],
    }


async def test_metadata_fields_are_asked_for_only_when_named() -> None:
    archive = Archive([], [])
    await found_by(archive, SceneQuery("naip"))
    assert archive.filters == [{}]
    await found_by(archive, SceneQuery("naip", wrs=((68, 17),)))
    assert [
        child["filterId"] for child in archive.filters[1]["metadataFilter"]["childFilters"]
    ] == [
        "p",
        "r",
    ]


@given(st.integers(0, 45), st.integers(1, 20), st.sampled_from(["exact", "approximate"]))
async def test_every_scene_comes_once(count: int, page_size: int, accuracy: str) -> None:
    archive = Archive(scenes(*range(count)), accuracy=accuracy)
    found, batches = await found_by(archive, SceneQuery("naip"), page_size=page_size)
    assert found == [str(number) for number in range(count)]
    assert batches[-1].total_hits == count
    assert batches[-1].is_exact == (accuracy == "exact")
    # One more at most, to see the end of an estimate.
    assert len(archive.asked) <= -(-count // page_size) + 1


async def test_a_search_without_hits_still_tells_so() -> None:
    found, batches = await found_by(Archive([]), SceneQuery("naip"))
    assert (found, len(batches), batches[0].total_hits) == ([], 1, 0)


async def test_scenes_of_overlapping_areas_come_once() -> None:
    archive = Archive(scenes(1, 2, 3), scenes(3, 4))
    found, batches = await found_by(archive, SceneQuery("naip", area=TWICE))
    assert found == ["1", "2", "3", "4"]
    assert (batches[-1].total_hits, batches[-1].is_exact) == (5, False)


async def test_a_limit_shows_the_full_count_all_the_same() -> None:
    archive = Archive(scenes(*range(30)), scenes(*range(30, 50)))
    found, batches = await found_by(archive, SceneQuery("naip", area=TWICE, limit=4))
    assert found == ["0", "1", "2", "3"]
    assert batches[-1].total_hits == 50
    assert archive.asked == [(1, 10), (1, 1)]


async def test_a_limit_of_none_at_all_only_counts() -> None:
    found, batches = await found_by(Archive(scenes(*range(30))), SceneQuery("naip", limit=0))
    assert (found, batches[-1].total_hits) == ([], 30)


async def test_scenes_that_cannot_be_had_in_bulk_are_counted_apart() -> None:
    closed = Scene(entity_id="closed", options=SceneOptions(bulk=Flag(0)))
    archive = Archive([closed, *scenes(1, 2, 3)])
    found, batches = await found_by(archive, SceneQuery("naip", limit=2))
    assert (found, batches[0].not_bulk) == (["1", "2"], 1)


async def test_the_next_page_is_not_asked_for_before_it_is_wanted() -> None:
    archive = Archive(scenes(*range(30)))
    async with aclosing(search_scenes(archive, SceneQuery("naip"), page_size=10)) as search:
        async for _ in search:
            break
    assert archive.asked == [(1, 10)]


@pytest.mark.parametrize(
    ("page", "start", "collected", "following"),
    [
        (page_of(100, total=250, next_record=101), 1, 100, 101),
        (page_of(50, total=250, next_record=250), 201, 250, None),
        (page_of(1, total=1, next_record=1), 1, 1, None),
        (page_of(0, total=0, next_record=None), 1, 0, None),
        (page_of(0, total=90, next_record=91), 1, 0, None),
        (page_of(9, total=9, next_record=10), 1, 9, None),
        (page_of(9, total=9, next_record=10, accuracy="approximate"), 1, 9, 10),
        (page_of(9, total=99_999, next_record=50_001), 49_992, MAX_SCENES, None),
    ],
)
def test_where_the_next_page_begins(
    page: ScenePage, start: int, collected: int, following: int | None
) -> None:
    assert next_start(page, start=start, collected=collected) == following


@pytest.mark.parametrize(
    ("total", "next_record", "brought", "following"),
    [
        (250, None, 100, 101),
        (100, None, 100, None),
        (None, 101, 100, 101),
        (None, 1, 100, None),
        (None, None, 100, 101),
        (None, None, 99, None),
    ],
)
def test_where_the_next_page_begins_if_the_service_says_little(
    total: int | None, next_record: int | None, brought: int, following: int | None
) -> None:
    scenes = [Scene(entity_id=str(number)) for number in range(brought)]
    page = ScenePage(results=scenes, total_hits=total, next_record=next_record)
    assert next_start(page, start=1, collected=brought, requested=100) == following


def test_a_scene_that_could_not_be_read_does_not_shift_the_pages() -> None:
    scenes = [Scene(entity_id=str(number)) for number in range(99)]
    page = ScenePage(results=scenes, records_returned=100, total_hits=250)
    assert next_start(page, start=1, collected=99, requested=100) == 101


@given(
    st.lists(
        st.builds(
            page_of,
            st.integers(0, 3),
            total=st.none() | st.integers(-1, 10**9),
            next_record=st.none() | st.integers(-5, 10**9),
            accuracy=st.sampled_from(["", "exact", "approximate", "APPROXIMATE", "?"]),
        ),
        min_size=1,
    )
)
def test_every_step_to_a_next_page_is_forward_and_brings_scenes(pages: list[ScenePage]) -> None:
    """So the paging ends: what is collected grows with each step and is bounded."""
    start: int = 1
    collected = 0
    for page in pages:
        collected += len(page.results or ())
        following = next_start(page, start=start, collected=collected)
        if following is None:
            return
        assert following > start
        assert page.results
        assert collected < MAX_SCENES
        start = following


async def test_a_service_that_repeats_itself_for_ever_is_left() -> None:
    class Liar(Archive):
        async def scene_search(self, *args: Any, **options: Any) -> ScenePage:
            self.asked.append((options["starting_number"], options["max_results"]))
            following = options["starting_number"] + 1
            return page_of(1000, total=10**9, next_record=following, accuracy="approximate")

    archive = Liar()
    found, _ = await found_by(archive, SceneQuery("naip"), page_size=1000)
    assert len(found) == 1000
    assert len(archive.asked) == 50
