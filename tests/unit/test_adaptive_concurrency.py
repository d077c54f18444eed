"""How a host is treated: connections down and up, rests, and giving up."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncdl.net.retry import Backoff
from asyncdl.transfer.adaptive_concurrency import (
    HOLD_S,
    MIN_STREAM_BYTES_S,
    SLOW_S,
    STRAINED_AT,
    UNREACHABLE_AFTER,
    WINDOW_S,
    AdaptiveConcurrency,
)


def test_requests_that_failed_together_halve_once() -> None:
    pace = AdaptiveConcurrency(16)
    for _ in range(16):
        pace.reduce(admitted_at_s=1.0, now_s=2.0)
    assert pace.limit == 8
    pace.reduce(admitted_at_s=3.0, now_s=4.0)
    assert pace.limit == 4


STEPS = st.lists(st.sampled_from(["strain", "little", "much"]), max_size=200)


@given(STEPS, st.integers(1, 32))
def test_the_limit_stays_between_one_and_the_ceiling(steps: list[str], ceiling: int) -> None:
    pace = AdaptiveConcurrency(ceiling)
    for now, step in enumerate(steps):
        if step == "strain":
            pace.reduce(now, now)
        else:
            pace.note_bytes(10 if step == "little" else now * 10**6, pace.limit, now)
        assert 1 <= pace.limit <= ceiling


def run_windows(pace: AdaptiveConcurrency, goodputs: list[float], *, since_s: float) -> list[int]:
    """Full windows of these goodputs with all connections in use; the limit after each."""
    limits = []
    pace.note_bytes(0, pace.limit, since_s)
    for number, goodput in enumerate(goodputs, start=1):
        pace.note_bytes(int(goodput * WINDOW_S), pace.limit, since_s + number * WINDOW_S)
        limits.append(pace.limit)
    return limits


def test_one_more_connection_stays_if_it_brings_more() -> None:
    pace = AdaptiveConcurrency(16)
    pace.reduce(1.0, 1.0)
    assert run_windows(pace, [8e6, 8e6, 9e6, 9e6, 9e6, 10e6], since_s=2.0) == [9, 9, 9, 10, 10, 10]


def test_one_more_connection_that_brings_nothing_goes_for_a_while() -> None:
    pace = AdaptiveConcurrency(16)
    pace.reduce(1.0, 1.0)
    windows = run_windows(pace, [8e6] * (3 + int(HOLD_S)), since_s=2.0)
    assert windows == [9, 9, *[8] * int(HOLD_S), 9]


def test_connections_that_are_not_used_prove_nothing() -> None:
    pace = AdaptiveConcurrency(16)
    pace.reduce(1.0, 1.0)
    for now in range(2, 20):
        pace.note_bytes(8_000_000, 3, now)
    assert pace.limit == 8


def test_row_129_a_link_whose_streams_collapse_gets_fewer() -> None:
    pace = AdaptiveConcurrency(16)
    collapsed = 16 * MIN_STREAM_BYTES_S / 2
    pace.note_bodies(16, 0.0)
    assert run_windows(pace, [collapsed], since_s=0.0) == [8]
    pace.note_bodies(-8, 1.0)
    assert run_windows(pace, [collapsed] * 3, since_s=5.0) == [9, 9, 8]


def test_a_host_that_nobody_asked_for_a_while_has_not_collapsed() -> None:
    pace = AdaptiveConcurrency(16)
    pace.note_bytes(10, 16, 0.0)
    pace.note_bytes(10, 16, 3600.0)
    assert pace.limit == 16


@pytest.mark.parametrize("waits_s", [0.5, 2.0])
def test_files_smaller_than_a_wait_for_them_are_no_streams_that_collapse(waits_s: float) -> None:
    pace = AdaptiveConcurrency(16)
    for number in range(400):
        now_s = number * waits_s / 16
        pace.note_bodies(1, now_s)
        pace.note_bytes(1000, 16, now_s)
        pace.note_bodies(-1, now_s + 0.001)
        assert pace.limit == 16


def test_streams_that_collapse_beside_requests_without_a_response_are_found() -> None:
    pace = AdaptiveConcurrency(16)
    pace.note_bodies(4, 0.0)
    pace.note_bytes(0, 16, 0.0)
    pace.note_bytes(int(4 * MIN_STREAM_BYTES_S / 2), 16, 1.0)
    assert pace.limit == 8


def test_a_longer_rest_is_never_shortened() -> None:
    pace = AdaptiveConcurrency(4)
    pace.pause(60, now_s=0.0)
    pace.pause(1, now_s=10.0)
    assert pace.pause_s(10.0) == 50


def test_row_099_an_unreachable_host_rests_and_is_given_up_in_the_end() -> None:
    pace = AdaptiveConcurrency(4, Backoff(first_s=8.0))
    for now in range(UNREACHABLE_AFTER - 1):
        pace.note_outage(now, now)
    assert pace.pause_s(now_s=10.0) == 0
    for now in range(10, 10 + pace.given_up_after):
        pace.note_outage(now, now)
    assert pace.is_given_up(30.0)
    pace.note_success()
    assert not pace.is_given_up(30.0)


# --- chance and strain ---------------------------------------------------------------


@pytest.mark.parametrize("share", [0.01, 0.05, 0.10])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=30)
def test_row_e9_random_failures_cost_no_connection(share: float, seed: int) -> None:
    chance, pace = random.Random(seed), AdaptiveConcurrency(16)
    for now in range(2000):
        if chance.random() < share:
            pace.note_failure(now - 0.5, now)
        else:
            pace.note_response(0.1 * chance.random(), 16, now)
        assert pace.limit == 16


class Host:
    """A host that takes so many connections and refuses any other; a pure model.

    Each second brings the bytes of those it took. How it refuses is for the caller to say.
    """

    def __init__(self, takes: int, pace: AdaptiveConcurrency) -> None:
        self.takes = takes
        self.pace = pace
        self.limits: list[int] = []

    def run(self, seconds: int, *, certain: bool) -> None:
        self.pace.note_bytes(0, 1, 0.0)
        for now in range(1, seconds):
            wanted = self.pace.limit
            for _ in range(max(0, wanted - self.takes)):
                if certain:
                    self.pace.reduce(now - 0.1, now)
                else:
                    self.pace.note_failure(now - 0.1, now)
            taken = min(wanted, self.takes)
            self.pace.note_bytes(taken * 1_000_000, wanted, now)
            self.limits.append(self.pace.limit)


@pytest.mark.parametrize("certain", [True, False], ids=["says so", "fails"])
@pytest.mark.parametrize("takes", range(1, 16))
def test_row_e9_a_host_that_refuses_one_too_many_settles_at_one_less(
    takes: int, certain: bool
) -> None:
    host = Host(takes, AdaptiveConcurrency(16))
    host.run(2000, certain=certain)
    late = host.limits[200:]
    settled = sum(limit == takes for limit in late)
    assert settled > 0.9 * len(late), "but for a trial now and then"
    assert min(late) >= takes - (0 if certain else 1)
    assert max(late) <= takes + 1


def test_row_e9_a_host_that_only_fails_gets_fewer() -> None:
    pace = AdaptiveConcurrency(16)
    for now in range(STRAINED_AT):
        pace.note_failure(now, now)
    assert pace.limit == 8


def test_what_was_under_way_at_a_step_is_not_counted_again() -> None:
    pace = AdaptiveConcurrency(16)
    pace.reduce(1.0, 2.0)
    for _ in range(STRAINED_AT):
        assert not pace.note_failure(1.5, 3.0)
    assert pace.limit == 8


def test_row_e9_a_host_that_gets_slow_under_load_gets_fewer_once() -> None:
    pace = AdaptiveConcurrency(16)
    for now in range(20):
        assert not pace.note_response(0.1, 16, now)
    steps = [pace.note_response(2 * SLOW_S, 16, now) for now in range(20, 80)]
    assert sum(steps) == 1, "and not again where fewer are answered no sooner"
    assert pace.limit == 8


def test_row_e9_a_host_that_is_always_slow_is_not_strained() -> None:
    pace = AdaptiveConcurrency(16)
    assert not any(pace.note_response(30.0 + now % 7, 16, now) for now in range(100))
    assert pace.limit == 16


@given(st.lists(st.tuples(st.floats(0, 1e6), st.integers(1, 16)), max_size=200))
def test_latencies_of_any_kind_leave_a_connection(answers: list[tuple[float, int]]) -> None:
    pace = AdaptiveConcurrency(16)
    for now, (took_s, in_use) in enumerate(answers):
        pace.note_response(took_s, in_use, now)
        assert 1 <= pace.limit <= 16
