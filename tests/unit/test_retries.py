"""When a file is tried again. FAULTS C5, without a network."""

import pytest

from asyncdl.errors import (
    AsyncdlError,
    ChecksumMismatch,
    HttpStatusError,
    NetworkError,
    WrongContent,
)
from asyncdl.net.retry import Backoff
from asyncdl.transfer.failures import is_url_refused
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.retries import Attempts

LIMITS = Limits(backoff=Backoff(attempts=3), requests_per_file=50, max_retry_after_s=60)
CUT = NetworkError("read", "cut")
URL = "http://host/file"


def test_row_097_failures_without_progress_are_counted() -> None:
    tries = Attempts(LIMITS)
    assert [tries.note_failure(CUT, 0) for _ in range(3)] == [True, True, False]


def test_row_097_fetching_the_same_bytes_again_is_no_progress() -> None:
    tries = Attempts(LIMITS)
    assert [tries.note_failure(CUT, have) for have in (500, 300, 500)] == [True, True, False]


def test_row_098_new_bytes_start_the_count_anew() -> None:
    tries = Attempts(LIMITS)
    assert all(tries.note_failure(CUT, have) for have in range(1, 40))


def test_row_098_requests_are_bounded_in_every_case() -> None:
    tries = Attempts(LIMITS, requests=50)
    assert not tries.note_failure(CUT, 1)


def test_row_086_a_rest_beyond_our_patience_ends_the_file() -> None:
    assert Attempts(LIMITS).note_failure(HttpStatusError(URL, 429, retry_after_s=60), 0)
    assert not Attempts(LIMITS).note_failure(HttpStatusError(URL, 429, retry_after_s=61), 0)


def test_a_file_that_failed_its_proof_is_fetched_once_more() -> None:
    tries, wrong = Attempts(LIMITS), ChecksumMismatch(URL, algorithm="md5", expected="a", got="b")
    assert [tries.note_failure(wrong, have) for have in (10, 20)] == [True, False]


@pytest.mark.parametrize(
    ("error", "is_refused"),
    [
        (HttpStatusError(URL, 403), True),
        (HttpStatusError(URL, 410), True),
        (HttpStatusError(URL, 503), False),
        (WrongContent(URL, "", reason="error-page"), True),
        (WrongContent(URL, "", reason="login-page"), True),
        (WrongContent(URL, "", reason="broken-file"), False),
        (CUT, False),
    ],
)
def test_rows_091_092_what_a_fresh_url_may_cure(error: AsyncdlError, is_refused: bool) -> None:
    assert is_url_refused(error) is is_refused
    assert Attempts(LIMITS).may_refresh(error) is is_refused
    assert not Attempts(LIMITS, refreshes=LIMITS.refreshes).may_refresh(error)


def test_an_outage_takes_no_tries_away() -> None:
    tries = Attempts(LIMITS)
    assert tries.note_failure(CUT, 0)
    assert all(tries.note_failure(CUT, 0, is_outage=True) for _ in range(40))
    assert [tries.note_failure(CUT, 0) for _ in range(2)] == [True, False]


def test_whether_a_try_would_be_the_last_is_told_without_counting_it() -> None:
    tries = Attempts(LIMITS)
    assert [tries.would_end(CUT, 0) for _ in range(5)] == [False] * 5
    assert [tries.note_failure(CUT, 0) for _ in range(2)] == [True, True]
    assert tries.would_end(CUT, 0)
    assert not tries.would_end(CUT, 10), "bytes that were never there start the count anew"
