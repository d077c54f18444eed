"""The timeline of a run stays small and loses nothing that counts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asyncdl.events import (
    ConnectionsInUse,
    Event,
    FilesPreparing,
    QuotaWait,
    ServiceWait,
    TransferEnded,
)
from asyncdl.job.reporting.timeline import MAX_SAMPLES, Timeline, TimelineBuilder, Wait
from asyncdl.run_state import RunState
from tests.unit.test_run_history import ending

moments = st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10**9)), max_size=50)


def timeline_of(
    *events: tuple[float, Event], end_s: float, max_samples: int = MAX_SAMPLES
) -> Timeline:
    state, builder = RunState(), TimelineBuilder(max_samples=max_samples)
    for now_s, event in events:
        state.apply(event, now_s)
        builder.sample(state, now_s)
    return builder.timeline(state, end_s)


@given(moments)
def test_every_byte_and_every_file_is_in_one_of_a_few_samples(
    received: list[tuple[float, int]],
) -> None:
    received.sort()
    last_s = max((now_s for now_s, _ in received), default=0.0)
    timeline = timeline_of(
        *((now_s, TransferEnded(f"{n}", "", count)) for n, (now_s, count) in enumerate(received)),
        *((last_s, ending(f"{n}")) for n in range(len(received))),
        end_s=last_s,
        max_samples=10,
    )
    assert sum(timeline.received_bytes) == sum(count for _, count in received)
    assert sum(timeline.finished_files) == len(received)
    assert len(timeline.received_bytes) <= 10
    assert len(timeline.received_bytes) * timeline.interval_s > last_s


@given(st.floats(0, 1e6))
def test_bytes_stand_where_their_time_is(now_s: float) -> None:
    timeline = timeline_of((now_s, TransferEnded("a", "", 7)), end_s=1e6)
    assert timeline.received_bytes.index(7) == int(now_s / timeline.interval_s)
    assert len(timeline.received_bytes) <= MAX_SAMPLES


def test_what_lasts_is_in_every_sample_until_it_ends() -> None:
    timeline = timeline_of(
        (0.5, ConnectionsInUse("a", 2)),
        (0.6, ConnectionsInUse("b", 3)),
        (2.1, FilesPreparing(7)),
        (4.0, ConnectionsInUse("a", 0)),
        end_s=5.0,
    )
    assert timeline.connections == (5, 5, 5, 5, 5, 3)
    assert timeline.preparing == (0, 0, 7, 7, 7, 7)


def test_a_wait_that_lasts_at_the_end_lasts_until_then() -> None:
    timeline = timeline_of(
        (10.0, ServiceWait("m2m", "HTTP 503", 5, 300)), (25.0, QuotaWait(60)), end_s=40.04
    )
    assert timeline.waits == (
        Wait(10.0, 40.0, "m2m is down", "HTTP 503"),
        Wait(25.0, 40.0, "download quota used up"),
    )
