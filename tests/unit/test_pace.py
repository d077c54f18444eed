"""How a host is treated: connections down and up, rests, and giving up."""

from hypothesis import given
from hypothesis import strategies as st

from asyncdl.retry import Backoff
from asyncdl.transfer.pace import (
    GIVEN_UP_AFTER,
    HOLD_S,
    SLOWEST_STREAM_BYTES_S,
    UNREACHABLE_AFTER,
    WINDOW_S,
    Pace,
)


def test_requests_that_failed_together_halve_once() -> None:
    pace = Pace(16)
    for _ in range(16):
        pace.step_down(admitted_at_s=1.0, now_s=2.0)
    assert pace.limit == 8
    pace.step_down(admitted_at_s=3.0, now_s=4.0)
    assert pace.limit == 4


STEPS = st.lists(st.sampled_from(["strain", "little", "much"]), max_size=200)


@given(STEPS, st.integers(1, 32))
def test_the_limit_stays_between_one_and_the_ceiling(steps: list[str], ceiling: int) -> None:
    pace = Pace(ceiling)
    for now, step in enumerate(steps):
        if step == "strain":
            pace.step_down(now, now)
        else:
            pace.receive(10 if step == "little" else now * 10**6, pace.limit, now)
        assert 1 <= pace.limit <= ceiling


def run_windows(pace: Pace, goodputs: list[float], *, since_s: float) -> list[int]:
    """Full windows of these goodputs with all connections in use; the limit after each."""
    limits = []
    pace.receive(0, pace.limit, since_s)
    for number, goodput in enumerate(goodputs, start=1):
        pace.receive(int(goodput * WINDOW_S), pace.limit, since_s + number * WINDOW_S)
        limits.append(pace.limit)
    return limits


def test_one_more_connection_stays_if_it_brings_more() -> None:
    pace = Pace(16)
    pace.step_down(1.0, 1.0)
    assert run_windows(pace, [8e6, 8e6, 9e6, 9e6, 9e6, 10e6], since_s=2.0) == [9, 9, 9, 10, 10, 10]


def test_one_more_connection_that_brings_nothing_goes_for_a_while() -> None:
    pace = Pace(16)
    pace.step_down(1.0, 1.0)
    windows = run_windows(pace, [8e6] * (3 + int(HOLD_S)), since_s=2.0)
    assert windows == [9, 9, *[8] * int(HOLD_S), 9]


def test_connections_that_are_not_used_prove_nothing() -> None:
    pace = Pace(16)
    pace.step_down(1.0, 1.0)
    for now in range(2, 20):
        pace.receive(8_000_000, 3, now)
    assert pace.limit == 8


def test_row_129_a_link_whose_streams_collapse_gets_fewer() -> None:
    pace = Pace(16)
    collapsed = 16 * SLOWEST_STREAM_BYTES_S / 2
    assert run_windows(pace, [collapsed], since_s=0.0) == [8]
    assert run_windows(pace, [collapsed] * 3, since_s=5.0) == [9, 9, 8]


def test_a_host_that_nobody_asked_for_a_while_has_not_collapsed() -> None:
    pace = Pace(16)
    pace.receive(10, 16, 0.0)
    pace.receive(10, 16, 3600.0)
    assert pace.limit == 16


def test_a_longer_rest_is_never_shortened() -> None:
    pace = Pace(4)
    pace.rest(60, now_s=0.0)
    pace.rest(1, now_s=10.0)
    assert pace.rest_s(10.0) == 50


def test_row_099_an_unreachable_host_rests_and_is_given_up_in_the_end() -> None:
    pace = Pace(4, Backoff(first_s=8.0))
    for now in range(UNREACHABLE_AFTER - 1):
        pace.fail(now, now)
    assert pace.rest_s(now_s=10.0) == 0
    for now in range(10, 10 + GIVEN_UP_AFTER):
        pace.fail(now, now)
    assert pace.is_given_up(30.0)
    pace.succeed()
    assert not pace.is_given_up(30.0)
