"""When to try again, and how long to wait."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.errors import ApiError, AsyncdlError, HttpStatusError, NetworkError
from asyncdl.net.retry import MAX_RETRY_AFTER_S, Backoff, Outage, parse_retry_after

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@given(
    failed=st.integers(1, 10_000),
    first=st.floats(0.001, 100),
    factor=st.floats(1, 10),
    longest=st.floats(0.001, 1000),
    luck=st.floats(0, 1),
)
def test_a_delay_is_at_least_half_of_its_ceiling_and_never_above_the_cap(
    failed: int, first: float, factor: float, longest: float, luck: float
) -> None:
    backoff = Backoff(first_s=first, factor=factor, max_s=longest)
    delay = backoff.delay_s(failed, rng=lambda: luck)
    assert min(first, longest) / 2 <= delay <= longest


def test_delays_grow_from_one_failure_to_the_next() -> None:
    delays = [Backoff().delay_s(failed, rng=lambda: 1.0) for failed in range(1, 8)]
    assert delays == [1, 2, 4, 8, 16, 32, 60]


def test_what_the_server_asks_for_is_never_shortened() -> None:
    assert Backoff(max_s=1).delay_s(1, retry_after_s=30, rng=lambda: 0.0) == 30


def test_attempts_count_the_first_one() -> None:
    backoff = Backoff(attempts=3)
    assert [backoff.allows(failed) for failed in (1, 2, 3)] == [True, True, False]


@pytest.mark.parametrize(
    ("error", "failed", "may_retry"),
    [
        (NetworkError("a", "b"), 1, True),
        (NetworkError("a", "b"), 3, False),
        (NetworkError("a", "b", retryable=False), 1, False),
        (HttpStatusError("http://h/", 503, retry_after_s=60), 1, True),
        (HttpStatusError("http://h/", 503, retry_after_s=61), 1, False),
        (HttpStatusError("http://h/", 404), 1, False),
        (ApiError("search", retryable=True), 2, True),
    ],
)
def test_one_rule_says_whether_a_request_is_made_again(
    error: AsyncdlError, failed: int, may_retry: bool
) -> None:
    assert Backoff(attempts=3).may_retry(error, failed, longest_wait_s=60) is may_retry


def test_an_outage_rests_until_its_next_try_and_ends_with_a_success() -> None:
    outage = Outage()
    outage.fail(10.0)
    outage.next_try_s = 12.0
    assert outage.is_resting(11.9) and not outage.is_resting(12.0)
    assert (outage.failed, outage.elapsed_s(13.0)) == (1, 3.0)
    outage.end()
    assert not outage.is_resting(11.0) and outage == Outage()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        ("9" * 400, MAX_RETRY_AFTER_S),
        (format_datetime(NOW + timedelta(days=900), usegmt=True), MAX_RETRY_AFTER_S),
        (None, None),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("12.5", None),
        ("²", None),
        ("Mon, 01 Jan 2024 00:00:00 -99999999999999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_anything_else_is_ignored(
    header: str | None, seconds: float | None
) -> None:
    assert parse_retry_after(header, now=NOW) == seconds


@given(st.text())
def test_no_header_makes_it_fail(header: str) -> None:
    seconds = parse_retry_after(header, now=NOW)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER_S
