"""The timeline of a run stays small and loses nothing that counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asyncdl.job.reporting.timeline import MAX_SAMPLES, MAX_WAITS, TimelineBuilder, Wait

moments = st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10**9)), max_size=50)


@given(moments)
def test_every_byte_and_every_file_is_in_one_of_a_few_samples(
    told: list[tuple[float, int]],
) -> None:
    course = TimelineBuilder(max_samples=10)
    for now_s, count in sorted(told):
        course.receive(now_s, count)
        course.finish(now_s)
    timeline = course.timeline
    assert sum(timeline.received_bytes) == sum(count for _, count in told)
    assert sum(timeline.finished_files) == len(told)
    assert len(timeline.received_bytes) <= 10
    last_s = max((now_s for now_s, _ in told), default=0.0)
    assert len(timeline.received_bytes) * timeline.interval_s > last_s


@given(st.floats(0, 1e6))
def test_bytes_stand_where_their_time_is(now_s: float) -> None:
    course = TimelineBuilder()
    course.receive(now_s, 7)
    course.end(1e6)
    timeline = course.timeline
    assert timeline.received_bytes.index(7) == int(now_s / timeline.interval_s)
    assert len(timeline.received_bytes) <= MAX_SAMPLES


def test_what_lasts_is_in_every_sample_until_it_ends() -> None:
    course = TimelineBuilder()
    course.use(0.5, "a", 2)
    course.use(0.6, "b", 3)
    course.prepare(2.1, 7)
    course.use(4.0, "a", 0)
    course.end(5.0)
    assert course.timeline.connections == (5, 5, 5, 5, 5, 3)
    assert course.timeline.preparing == (0, 0, 7, 7, 7, 7)


def test_a_wait_that_goes_on_is_one_and_ends_when_it_is_over() -> None:
    course = TimelineBuilder()
    course.wait(10.0, "m2m is down", 30.0)
    course.wait(25.0, "quota", 60.0)
    course.wait(40.0, "m2m is down", 30.0)
    course.resume(50.0, "m2m is down")
    course.wait(90.0, "m2m is down", 30.0)
    course.end(100.0)
    assert course.timeline.waits == (
        Wait(10.0, 50.0, "m2m is down"), Wait(25.0, 85.0, "quota"), Wait(90.0, 100.0, "m2m is down")
    )  # fmt: skip


def test_waits_without_number_are_cut() -> None:
    course = TimelineBuilder()
    for second in range(0, 10_000, 10):
        course.wait(second, "busy", 1.0)
    assert len(course.timeline.waits) == MAX_WAITS
