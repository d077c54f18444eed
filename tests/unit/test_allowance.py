"""What hosts say of the requests that they still allow."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from asyncdl.net.retry import MAX_RETRY_AFTER_S
from asyncdl.transfer.responses import exhausted_for_s, read_head

NOW = datetime(2026, 3, 1, 6, 15, tzinfo=UTC)
DATE = format_datetime(NOW, usegmt=True)
SOON = int((NOW + timedelta(seconds=40)).timestamp())

USED_UP = {
    "draft 03": {"ratelimit-limit": "100", "ratelimit-remaining": "0", "ratelimit-reset": "40"},
    "draft 03 with windows": {
        "ratelimit-limit": "100, 100;w=60",
        "ratelimit-remaining": "0",
        "ratelimit-reset": "40",
    },
    "draft 07": {"ratelimit": "limit=100, remaining=0, reset=40"},
    "draft 07 without spaces": {"ratelimit": "limit=100,remaining=0,reset=40"},
    "draft 10": {"ratelimit": '"default";r=0;t=40'},
    "draft 10, two policies": {"ratelimit": '"day";r=900;t=3000, "burst";r=0;t=40'},
    "X-, seconds": {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "40"},
    "X-, a fraction": {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "40.0"},
    "X-, time of day": {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(SOON)},
    "X-, milliseconds": {"x-ratelimit-remaining": "0", "x-ratelimit-reset": f"{SOON}000"},
    "X-Rate-Limit": {"x-rate-limit-remaining": "0", "x-rate-limit-reset": "40"},
}


@pytest.mark.parametrize("headers", USED_UP.values(), ids=USED_UP)
def test_row_e10_a_limit_that_is_used_up_says_when_there_is_more(headers: dict[str, str]) -> None:
    assert exhausted_for_s({**headers, "date": DATE}) == pytest.approx(40)


LEFT = {
    "some are left": {"ratelimit-remaining": "3", "ratelimit-reset": "40"},
    "some are left of each": {"ratelimit": '"day";r=900;t=3000, "burst";r=1;t=40'},
    "nobody says when": {"x-ratelimit-remaining": "0"},
    "over already": {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(SOON - 60)},
    "no number": {"x-ratelimit-remaining": "none", "x-ratelimit-reset": "soon"},
    "nothing": {},
}


@pytest.mark.parametrize("headers", LEFT.values(), ids=LEFT)
def test_otherwise_nothing_is_waited_for(headers: dict[str, str]) -> None:
    assert exhausted_for_s({**headers, "date": DATE}) is None


def test_a_refusal_needs_no_number() -> None:
    assert exhausted_for_s({"ratelimit-reset": "7"}, is_refused=True) == 7
    assert exhausted_for_s({"ratelimit-reset": "7"}) is None


@given(st.dictionaries(st.sampled_from([name for h in USED_UP.values() for name in h]), st.text()))
def test_whatever_stands_there_gives_a_bounded_time(headers: dict[str, str]) -> None:
    seconds = exhausted_for_s(headers, is_refused=True)
    assert seconds is None or 0 < seconds <= MAX_RETRY_AFTER_S


def test_row_e10_a_head_says_whether_to_try_again_or_to_rest() -> None:
    used_up = USED_UP["draft 07"]
    good, refused = read_head(200, used_up), read_head(429, used_up)
    assert (good.rest_s, good.retry_after_s) == (40, None)
    assert (refused.rest_s, refused.retry_after_s) == (0, 40)
    own = read_head(429, {**used_up, "retry-after": "3"})
    assert own.retry_after_s == 3, "the header that is a standard goes first"


def test_the_names_of_headers_may_have_any_case() -> None:
    """The headers of a caller's own session come as the host wrote them."""
    headers = {"RateLimit-Remaining": "0", "RateLimit-Reset": "7"}
    assert read_head(200, CIMultiDict(headers)).rest_s == 7
