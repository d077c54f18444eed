"""How a host is treated: connections down and up, rests, and giving up."""

from hypothesis import given
from hypothesis import strategies as st

from asyncdl.retry import Backoff
from asyncdl.transfer.governor import GIVEN_UP_AFTER, UNREACHABLE_AFTER, Pace


def test_requests_that_failed_together_halve_once() -> None:
    pace = Pace(16)
    for _ in range(16):
        pace.step_down(admitted_at_s=1.0, now_s=2.0)
    assert pace.limit == 8
    pace.step_down(admitted_at_s=3.0, now_s=4.0)
    assert pace.limit == 4


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 32))
def test_the_limit_stays_between_one_and_the_ceiling(steps: list[bool], ceiling: int) -> None:
    pace = Pace(ceiling)
    for now, is_success in enumerate(steps):
        if is_success:
            pace.succeed()
        else:
            pace.step_down(now, now)
        assert 1 <= pace.limit <= ceiling


def test_a_round_of_successes_wins_one_connection_back() -> None:
    pace = Pace(16)
    pace.step_down(1.0, 1.0)
    for _ in range(9):
        pace.succeed()
    assert int(pace.limit) == 9


def test_a_longer_rest_is_never_shortened() -> None:
    pace = Pace(4)
    pace.rest(60, now_s=0.0)
    pace.rest(1, now_s=10.0)
    assert pace.rest_s(10.0) == 50


def test_an_unreachable_host_rests_and_is_given_up_in_the_end() -> None:
    pace = Pace(4, Backoff(first_s=8.0))
    for now in range(UNREACHABLE_AFTER - 1):
        pace.fail(now, now)
    assert pace.rest_s(now_s=10.0) == 0
    for now in range(10, 10 + GIVEN_UP_AFTER):
        pace.fail(now, now)
    assert pace.is_given_up(30.0)
    pace.succeed()
    assert not pace.is_given_up(30.0)
