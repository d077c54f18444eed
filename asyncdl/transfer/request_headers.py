"""Which headers a request carries: the engine's own, the caller's, and those of a range. Pure.

The caller's headers replace the engine's own. Some are reserved for the engine, because message
framing, resuming, or the lengths and digests of a file depend on them; they are refused instead of
being ignored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from asyncdl.net.hosts import USER_AGENT
from asyncdl.redact import Secret

Headers: TypeAlias = Mapping[str, str | None]
"""Names to values; ``None`` removes a header that the engine would send by default."""

_OWN = {
    "User-Agent": USER_AGENT,
    "Accept": "*/*",
    # With other codings, lengths and ranges would be those of the encoded form.
    "Accept-Encoding": "identity",
}
OWN_NAMES = tuple(_OWN)
"""Headers that every request has, unless the caller removes them."""

_GO_ANYWHERE = frozenset({"user-agent", "accept", "accept-language"})
"""Headers of the caller that are sent to other origins, too: they hold no secret, and apply to the
host at the end of a redirect as much as to the first."""

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_VALUE = re.compile(r"[\0\r\n\ud800-\udfff]")
_NO_WEIGHT = re.compile(r";\s*q\s*=\s*0(\.0*)?\s*$", re.IGNORECASE)

_RANGES = "asyncdl itself requests the parts of a file, to resume and to split it"
_CONDITIONS = "asyncdl itself compares versions; `recheck` has what has changed fetched again"
_FRAMING = "asyncdl itself says how messages are framed on a connection"
_RESERVED = {
    **dict.fromkeys(("range", "if-range"), _RANGES),
    **dict.fromkeys(
        ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since"), _CONDITIONS
    ),
    **dict.fromkeys(
        (
            "connection", "content-length", "expect", "keep-alive", "proxy-connection", "te",
            "trailer", "transfer-encoding", "upgrade",
        ),
        _FRAMING,
    ),
}  # fmt: skip


def header_problem(name: str, value: str | None) -> str:
    """Return why the caller may not send a header; empty if it may.

    A value may be a secret, so it is never repeated.

    Source: RFC 9110, sections 5.1 and 5.5.
    """
    if _TOKEN.fullmatch(name) is None:
        # Behind a colon in the name there may be the value.
        begun = _TOKEN.match(name)
        return (
            f"{begun[0] if begun else ''!r} begins what is not a header name; "
            "allowed: letters, digits and -"
        )
    if value is not None and _NOT_IN_VALUE.search(value):
        return (
            f"the value of the header {name} cannot be sent; "
            "allowed: text without line breaks, NUL and lone surrogates"
        )
    if name.lower() in _RESERVED:
        return f"the header {name} cannot be set: {_RESERVED[name.lower()]}"
    if name.lower() == "host" and not value:
        return "the header Host cannot be left out; allowed: a host name"
    if name.lower() == "accept-encoding" and not _is_uncoded(value):
        return (
            "the header Accept-Encoding cannot request a coding: lengths, ranges and digests "
            "are those of the file itself; allowed: identity, or none at all"
        )
    return ""


def _is_uncoded(value: str | None) -> bool:
    wanted = (one.strip() for one in (value or "").split(",") if not _NO_WEIGHT.search(one))
    return all(one.partition(";")[0].strip().lower() in ("", "identity") for one in wanted)


def hidden(headers: Headers) -> dict[str, str | None]:
    """Return headers whose values are hidden from ``repr``."""
    return {name: None if value is None else Secret(value) for name, value in headers.items()}


def sent_elsewhere(headers: Headers) -> Headers:
    """Return the caller's headers that are sent to other origins, too."""
    return {name: value for name, value in headers.items() if name.lower() in _GO_ANYWHERE}


def request_headers(extra: Headers, range_headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of one request.

    Args:
        extra: The caller's; names in any case; the last of two with the same name counts.
        range_headers: The engine's for this request alone, such as ``Range``.
    """
    named = {name.lower(): (name, value) for name, value in (*_OWN.items(), *extra.items())}
    return {name: value for name, value in named.values() if value is not None} | dict(
        range_headers
    )
