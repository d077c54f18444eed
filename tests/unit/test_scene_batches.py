"""Scenes come in batches, and nothing that a search cuts off is kept quiet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.job.choosing.scenes import LeftOut, chunks, search_notes
from asyncdl.m2m.searching.scene_search import SceneBatch, SceneQuery


def notes(
    total: int,
    found: int,
    *,
    limit: int | None = None,
    left_out: int = 0,
    outside: int = 0,
    is_exact: bool = True,
    is_capped: bool = False,
) -> list[str]:
    query = SceneQuery(dataset="landsat_ot_c2_l2", limit=limit)
    last = SceneBatch(
        scenes=(), not_bulk=0, outside=0, total_hits=total, is_exact=is_exact, is_capped=is_capped
    )
    left = LeftOut(left_out, outside)
    return [note.text for note in search_notes(query, last, found=found, left_out=left)]


def test_a_search_that_took_everything_says_nothing() -> None:
    assert notes(7, 7) == [] and notes(7, 5, limit=5, left_out=2) != []


def test_a_limit_shows_the_full_count() -> None:
    assert notes(2500, 100, limit=100) == ["Taking 100 of 2,500 scenes: search.limit is 100."]


def test_an_estimate_is_called_one() -> None:
    (note,) = notes(2500, 100, limit=100, is_exact=False)
    assert "of about 2,500" in note


def test_what_the_service_does_not_hand_out_is_told() -> None:
    (note,) = notes(60_000, 50_000)
    assert "50,000 of 60,000" in note and "split it by date" in note


def test_scenes_in_two_areas_are_no_loss() -> None:
    assert notes(8, 7, is_exact=False) == []


def test_a_search_of_several_that_is_cut_off_is_told() -> None:
    (note,) = notes(60_000, 50_000, is_exact=False, is_capped=True)
    assert "scenes are missing; split it by date" in note


def test_scenes_outside_of_the_area_are_counted() -> None:
    (note,) = notes(5, 5, outside=1_234)
    assert note.endswith("only what was searched around the area: 1,234.")


def test_scenes_that_are_not_open_to_bulk_download_are_counted() -> None:
    assert notes(7, 5, left_out=2) == ["Scenes left out, as they cannot be downloaded in bulk: 2."]


def test_a_search_without_hits_says_so() -> None:
    assert notes(0, 0) == ["No scene matches the search."]


@given(st.lists(st.integers()), st.integers(1, 10))
def test_chunks_hold_everything_in_order(items: list[int], size: int) -> None:
    parts = list(chunks(items, size))
    assert [item for part in parts for item in part] == items
    assert all(len(part) == size for part in parts[:-1])


@pytest.mark.parametrize("size", [1, 3])
def test_nothing_makes_no_chunk(size: int) -> None:
    assert list(chunks([], size)) == []
