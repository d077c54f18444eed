"""Requests for ranges of a file, and the headers of their responses. Pure.

Rate limits come in three generations of headers, none of which is a standard yet:
``X-RateLimit-Remaining`` with ``X-RateLimit-Reset``, the same without ``X-``, and one ``RateLimit``
with everything in it, as ``limit=100, remaining=0, reset=30`` or, later, ``"default";r=0;t=30``.

Source: draft-ietf-httpapi-ratelimit-headers, versions 03, 07 and 10; for ``X-`` the documentation
of the hosts that send them.

What a response means for a file is decided in :mod:`asyncdl.transfer.range_responses`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from asyncdl.net.retry import MAX_RETRY_AFTER_S, parse_http_date, parse_retry_after
from asyncdl.transfer.ranges import (
    Span,
    parse_content_length,
    parse_content_range,
    range_header,
)
from asyncdl.transfer.validators import Validator, read_validator
from asyncdl.transfer.verification.digest_headers import read_digest_headers
from asyncdl.transfer.verification.digests import Digest

_PREFIXES = ("ratelimit", "x-ratelimit", "x-rate-limit")
_RATE_HEADERS = frozenset(
    ("ratelimit", *(f"{prefix}-{what}" for prefix in _PREFIXES for what in ("remaining", "reset")))
)
_PARAMETER = re.compile(r"([a-z]{1,16})[ \t]{0,4}=[ \t]{0,4}([0-9]{1,15})")
_NUMBER = re.compile(r"\s*([0-9]{1,15})(?:\.[0-9]*)?\s*")
_EPOCH_FROM = 1_000_000_000
"""Larger numbers are seconds since 1970; smaller ones are seconds from now."""
_MILLISECONDS_FROM = 100_000_000_000


def exhausted_for_s(headers: Mapping[str, str], *, is_refused: bool = False) -> float | None:
    """Return how long no further request is allowed; ``None`` if the headers allow one.

    Args:
        headers: Of a response; names in lower case.
        is_refused: Whether it refuses the request for its rate: then no request is left, even if
            no number says so.
    Returns: Seconds, above 0, a day at most.
    """
    # One by one: a caller's session keeps names as they came, and compares them without their case.
    if not any(map(headers.__contains__, _RATE_HEADERS)):
        return None
    for remaining, reset in _allowances(headers):
        is_exhausted = remaining == "0" or (remaining is None and is_refused)
        if is_exhausted and reset is not None:
            seconds = _seconds_until(reset, headers.get("date"))
            if seconds > 0:
                return min(seconds, MAX_RETRY_AFTER_S)
    return None


def _allowances(headers: Mapping[str, str]) -> list[tuple[str | None, str | None]]:
    """Return remaining requests and the time of their reset, for each kind of header."""
    found = [
        (_number(headers.get(f"{prefix}-remaining")), _number(headers.get(f"{prefix}-reset")))
        for prefix in _PREFIXES
    ]
    for policy in headers.get("ratelimit", "").lower().split('",'):
        given = dict(_PARAMETER.findall(policy))
        found.append((given.get("remaining", given.get("r")), given.get("reset", given.get("t"))))
    return [(_plain(remaining), reset) for remaining, reset in found]


def _number(value: str | None) -> str | None:
    """Return the first number; some hosts send one for each of their limits."""
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
    # It is compared with the clock of the host; ours may be wrong.
    when = parse_http_date(sent or "")
    return number - (when.timestamp() if when else time.time())


_LIMITING = frozenset({429, 503})
"""Statuses of a host that has had too many requests."""

CODED = "coded"
"""Reason of a ``WrongContent`` for a body that was compressed on the way."""

_FRAMING = frozenset({"", "identity", "chunked"})
_NO_CODINGS = _FRAMING | {
    *("aws-chunked", "none", "null", "binary", "raw", "plain", "default", "7bit", "8bit"),
    *("utf-8", "utf8", "us-ascii", "iso-8859-1"),
}
"""Values of ``Content-Encoding`` that hosts send although the body is the file as it is."""


class RangeRequest(Struct, frozen=True):
    """One request: the bytes from ``start`` on."""

    start: int = 0
    stop: int | None = None
    """``None`` is the end of the file."""
    is_ranged: bool = True
    """Without a ``Range`` header the whole file is requested, and ``start`` is 0."""
    if_range: str | None = None

    @property
    def is_first(self) -> bool:
        """Whether it was made before anything was known about the file."""
        return self.start == 0 and self.stop is None

    def headers(self) -> dict[str, str]:
        """Return the headers of the request."""
        if not self.is_ranged:
            return {}
        condition = {"If-Range": self.if_range} if self.if_range else {}
        return {"Range": range_header(self.start, self.stop), **condition}


class Head(Struct, frozen=True):
    """What the headers of a response say."""

    status: int
    content_range: str | None = None
    content_type: str | None = None
    disposition: str | None = None
    length: int | None = None
    """Content-Length; ``None`` if only the end of the body shows it."""
    is_chunked: bool = False
    takes_ranges: bool = True
    """False if the host says that it does not support them; hosts that do may say nothing."""
    offers_ranges: bool = False
    """Whether the host says or shows that it does."""
    validator: Validator = Validator()
    retry_after_s: float | None = None
    rest_s: float = 0.0
    """For so long no further request is allowed, by headers of a response that is no refusal."""
    coding: str = ""
    """How the body was changed on its way, such as ``gzip``; empty if it was not."""
    digests: tuple[Digest, ...] = ()
    """Of the whole file."""
    is_decoded: bool = False
    """Whether the body is decoded as it is read, see :mod:`asyncdl.transfer.content_coding`."""


def read_head(status: int, headers: Mapping[str, str]) -> Head:
    """Read the headers that matter; their names are in lower case."""
    is_framed_otherwise = "transfer-encoding" in headers
    accepts = headers.get("accept-ranges", "").strip().lower()
    retry_after_s = parse_retry_after(headers.get("retry-after"), sent=headers.get("date"))
    is_refused = status in _LIMITING
    exhausted_s = exhausted_for_s(headers, is_refused=is_refused)
    if is_refused and retry_after_s is None:
        retry_after_s = exhausted_s
    content_range = headers.get("content-range")
    return Head(
        status,
        content_range=content_range,
        content_type=headers.get("content-type"),
        disposition=headers.get("content-disposition"),
        length=None if is_framed_otherwise else parse_content_length(headers.get("content-length")),
        is_chunked=is_framed_otherwise,
        takes_ranges=accepts != "none",
        offers_ranges=accepts == "bytes" or status == 206,
        validator=read_validator(
            headers.get("etag"), headers.get("last-modified"), headers.get("date")
        ),
        retry_after_s=retry_after_s,
        rest_s=0.0 if is_refused else exhausted_s or 0.0,
        coding=_read_coding(headers),
        digests=read_digest_headers(headers, is_whole=_is_whole(status, content_range)),
    )


def decoded(head: Head) -> Head:
    """Return what remains of a head once its body is decoded as it is read."""
    return replace(
        head,
        coding="",
        length=None,
        content_range=None,
        status=200,
        takes_ranges=False,
        offers_ranges=False,
        validator=Validator(),
        digests=(),
        is_decoded=True,
    )


def is_whole(head: Head) -> bool:
    """Return whether the body is the whole file, as far as the head says."""
    return _is_whole(head.status, head.content_range)


def _is_whole(status: int, content_range: str | None) -> bool:
    part = parse_content_range(content_range)
    if status not in (200, 206) or part is None:
        return status == 200
    return part.span == Span(0, part.total or 0)


def _read_coding(headers: Mapping[str, str]) -> str:
    """Return every coding but those that leave the bytes of the file as they are."""
    if "content-encoding" not in headers and "transfer-encoding" not in headers:
        return ""  # as most do
    codings = (*_items(headers.get("content-encoding")),)
    named = [coding for coding in codings if coding not in _NO_CODINGS]
    framing = [item for item in _items(headers.get("transfer-encoding")) if item not in _FRAMING]
    return ", ".join([*named, *(f"{coding} in transfer" for coding in framing)])


def _items(header: str | None) -> Iterator[str]:
    return (item.strip().lower() for item in (header or "").split(","))
