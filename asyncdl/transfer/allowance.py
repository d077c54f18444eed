"""What a host says of the requests that it still allows. Pure.

Three generations of headers are in use, and none is a standard yet: ``X-RateLimit-Remaining`` with
``X-RateLimit-Reset``, the same without ``X-``, and one ``RateLimit`` with all in it, as
``limit=100, remaining=0, reset=30`` or, later, ``"default";r=0;t=30``.

Source: draft-ietf-httpapi-ratelimit-headers, versions 03, 07 and 10; for ``X-`` what the hosts
that send them write about them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from asyncdl.dates import parse_http_date
from asyncdl.retry import MAX_RETRY_AFTER_S

_PREFIXES = ("ratelimit", "x-ratelimit", "x-rate-limit")
_PARAMETER = re.compile(r"([a-z]{1,16})[ \t]{0,4}=[ \t]{0,4}([0-9]{1,15})")
_NUMBER = re.compile(r"\s*([0-9]{1,15})(?:\.[0-9]*)?\s*")
_EPOCH_FROM = 1_000_000_000
"""Larger numbers are a time of day, as seconds since 1970; smaller ones a time from now."""
_MILLISECONDS_FROM = 100_000_000_000


def exhausted_for_s(headers: Mapping[str, str], *, is_refused: bool = False) -> float | None:
    """Return how long no further request is allowed; ``None`` if one is, for all that is said.

    Args:
        headers: Of an answer; names in lower case.
        is_refused: Whether it refuses the request for this reason: then none is left, even if the
            number is not given.
    Returns: Seconds, above 0, a day at most.
    """
    for remaining, reset in _allowances(headers):
        is_exhausted = remaining == "0" or (remaining is None and is_refused)
        if is_exhausted and reset is not None:
            seconds = _seconds_until(reset, headers.get("date"))
            if seconds > 0:
                return min(seconds, MAX_RETRY_AFTER_S)
    return None


def _allowances(headers: Mapping[str, str]) -> list[tuple[str | None, str | None]]:
    """Return what is left and when there will be more, as each way of saying so has it."""
    found = [
        (_number(headers.get(f"{prefix}-remaining")), _number(headers.get(f"{prefix}-reset")))
        for prefix in _PREFIXES
    ]
    for policy in headers.get("ratelimit", "").lower().split('",'):
        told = dict(_PARAMETER.findall(policy))
        found.append((told.get("remaining", told.get("r")), told.get("reset", told.get("t"))))
    return [(_plain(remaining), reset) for remaining, reset in found]


def _number(value: str | None) -> str | None:
    """Return the first number; some hosts repeat it for each limit that they have."""
    match = _NUMBER.match(value or "")
    return match[1] if match else None


def _plain(number: str | None) -> str | None:
    return None if number is None else str(int(number))


def _seconds_until(reset: str, sent: str | None) -> float:
    number = float(reset)
    if number >= _MILLISECONDS_FROM:
        number /= 1000
    if number < _EPOCH_FROM:
        return number
    # The clock that made it is the one to compare with; ours may be wrong.
    when = parse_http_date(sent or "")
    return number - (when.timestamp() if when else time.time())
