"""Checks of the hosts: whether each responds, and whether our clock agrees with theirs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import ClientTimeout

from asyncdl.doctor.finding import Check, CheckState
from asyncdl.net.aiohttp_faults import session_errors
from asyncdl.net.hosts import USER_AGENT, host_of
from asyncdl.net.proxies import proxy_for, without_login
from asyncdl.net.retry import parse_http_date
from asyncdl.net.sessions import open_session
from asyncdl.net.tls import Tls

TIMEOUT_S = 15.0
"""For name, connection, TLS and the response headers together."""
CLOCK_TOLERANCE_S = 60.0
"""Signatures and certificates have times; a minute is nothing to them, a day is a lot."""


@dataclass(frozen=True, slots=True)
class HostReply:
    """How a host responded."""

    host: str
    status: int
    elapsed_s: float
    ahead_s: float | None
    """By how much our clock is ahead of the host's; ``None`` if it sent no ``Date``."""
    is_secure: bool = False
    """Whether it was reached over TLS, and its certificate is trusted."""


async def probe_host(
    url: str, tls: Tls | None = None, *, timeout_s: float = TIMEOUT_S
) -> HostReply:
    """Request a page, any page, from a host, and return how it responded.

    Raises: NetworkError, if it did not; ConfigError, for ``tls``.
    Source: RFC 9110, section 6.6.1 (Date).
    """
    host = host_of(url)
    headers = {"User-Agent": USER_AGENT}
    timeout = ClientTimeout(total=timeout_s, connect=timeout_s * 2 / 3)
    began_s = time.monotonic()
    with session_errors(f"request to {host}"):
        async with (
            await open_session(url, tls, timeout=timeout) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            elapsed_s = time.monotonic() - began_s
            ahead_s = _ahead_s(response.headers.get("Date"), time.time())
            return HostReply(host, response.status, elapsed_s, ahead_s, url.startswith("https:"))


def _ahead_s(date: str | None, now_s: float) -> float | None:
    theirs = parse_http_date(date or "")
    return None if theirs is None else now_s - theirs.timestamp()


def check_host(name: str, reply: HostReply) -> Check:
    """Return whether a host is there: any response will do, unless it is a server error."""
    seen = f"{reply.host} responded with {reply.status} in {reply.elapsed_s * 1000:,.0f} ms"
    if reply.is_secure:
        seen += "; its certificate is trusted"
    if reply.status >= 500:
        return Check(name, CheckState.WARN, seen, "it may be in maintenance; try again later")
    return Check(name, CheckState.OK, seen)


def check_proxies(urls: Sequence[str]) -> Check:
    """Return through which proxy each host is reached, without user and password.

    Raises: NetworkError, for an invalid proxy URL.
    """
    ways = {host_of(url): proxy_for(url) for url in urls}
    if not any(ways.values()):
        return Check("proxy", CheckState.OK, "none; all hosts are reached directly")
    seen = (f"{host} through {without_login(way) if way else 'none'}" for host, way in ways.items())
    return Check("proxy", CheckState.OK, "; ".join(seen))


def check_clock(replies: Sequence[HostReply]) -> Check:
    """Compare our clock with that of the first host that sent a ``Date``."""
    reply = next((one for one in replies if one.ahead_s is not None), None)
    if reply is None or reply.ahead_s is None:
        advice = "check whether the date of this machine is right"
        return Check("clock", CheckState.WARN, "no host sent the time", advice)
    direction = "ahead of" if reply.ahead_s > 0 else "behind"
    # The host's time has whole seconds, and is a moment old.
    if abs(reply.ahead_s) <= CLOCK_TOLERANCE_S:
        return Check("clock", CheckState.OK, f"agrees with {reply.host}")
    seen = f"{abs(reply.ahead_s):,.0f} s {direction} {reply.host}"
    return Check(
        "clock", CheckState.WARN, seen, "set the clock, best by NTP: signatures have times"
    )
