"""Of scenes that share a display id the first one stays where all others go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asyncdl.job.choosing.scenes import Namesakes

pairs = st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("1234")), max_size=8)


@given(pairs)
def test_one_scene_has_each_display_id_whatever_the_order(scenes: list[tuple[str, str]]) -> None:
    apart = Namesakes().take(scenes)
    assert apart == Namesakes().take(scenes[::-1])
    there = set(scenes) - apart
    assert {display for display, _ in there} == {display for display, _ in scenes}
    assert len(there) == len({display for display, _ in there})


@given(pairs, pairs)
def test_who_came_first_stays_first(
    early: list[tuple[str, str]], late: list[tuple[str, str]]
) -> None:
    namesakes = Namesakes()
    first = set(early) - namesakes.take(early)
    assert not first & namesakes.take([*late, *early])


def test_what_the_journal_knows_came_first() -> None:
    namesakes = Namesakes({"A": "9"})
    assert namesakes.take([("A", "1"), ("B", "2")]) == {("A", "1")}
