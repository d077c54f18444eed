"""Keeps web pages out: any page in a browser on this machine can send requests here.

A page of another origin says so in its requests (``Origin``, ``Sec-Fetch-Site``). One whose own
name was made to resolve to this machine, by DNS rebinding, is of the same origin as far as the
browser knows, but still has its name in ``Host``. The port there is not looked at: no page can
choose it, and it is another one where the sandbox's is forwarded.

Source: RFC 6454, section 7 (Origin); the W3C's *Fetch Metadata*; RFC 9110, section 7.2 (Host).
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import orjson
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from asyncdl.net.addresses import Zone
from asyncdl.net.host_text import inmost_zone, is_address
from asyncdl.sandbox.state import SandboxState

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^\[\]:/@?#\\\s]+)(?::\d*)?")
_OWN_SITES = frozenset({"none", "same-origin"})
"""Of ``Sec-Fetch-Site``: what the user typed, and our own pages, of which there are none. Another
server on this machine is ``same-site``, and not ours."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Where the sandbox listens."""

    is_for_others: bool
    """Whether other machines can reach it."""
    names: frozenset[str] = frozenset()
    """What it is called, beside addresses and ``localhost``; in lower case."""

    def is_meant_by(self, host: str | None) -> bool:
        """Tell whether a ``Host`` header can only be that of somebody who means this sandbox."""
        if host is None:
            return True  # no browser leaves it out
        found = _HOST.fullmatch(host.strip())
        if found is None:
            return False
        name = found["name"].lower().rstrip(".")
        if inmost_zone(name) is Zone.LOOPBACK or name in self.names:
            return True
        # An address cannot be made to resolve to another, nor is a name without a dot anybody's.
        return self.is_for_others and (is_address(name) or "." not in name)


def listener_at(addresses: Iterable[str], origin: str) -> Listener:
    """Return what there is to know of a server.

    Args:
        addresses: Where it listens.
        origin: What it calls itself, such as ``http://name:8080``.
    """
    is_for_others = not all(ip_address(address).is_loopback for address in addresses)
    names = {urlsplit(origin).hostname or ""}
    if is_for_others:
        machine = socket.gethostname().lower()
        names |= {machine, f"{machine}.local"}
    return Listener(is_for_others, frozenset(names))


def refusal_of(
    headers: Mapping[str, str], listener: Listener, *, is_visit: bool = False
) -> str | None:
    """Return why a request is not served; ``None`` for one that no foreign page has made.

    Args:
        headers: Of the request; looked up in any case.
        listener: Whom it reached.
        is_visit: Whether it is a GET of something that a person may look at, by a link.
    """
    host, origin, site = (headers.get(name) for name in ("Host", "Origin", "Sec-Fetch-Site"))
    if not listener.is_meant_by(host):
        return f"Host {host!r} is not this sandbox's; allowed: an address of it, or localhost"
    if origin is not None and origin.lower() not in _origins_at(host):
        return f"a page of {origin!r} may not ask the sandbox"
    if site is None or site in _OWN_SITES or (is_visit and _is_navigation(headers)):
        return None
    return f"a page of another origin ({site}) may not ask the sandbox"


def _origins_at(host: str | None) -> tuple[str, ...]:
    return () if host is None else (f"http://{host.lower()}", f"https://{host.lower()}")


def _is_navigation(headers: Mapping[str, str]) -> bool:
    """Tell whether somebody followed a link, and no page looks at what comes."""
    told = (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest"))
    return told == ("navigate", "document")


def keeping_pages_out(world: SandboxState, paths: tuple[str, ...]) -> Middleware:
    """Return what refuses requests of foreign pages, before anything notes them.

    Args:
        world: With the listener.
        paths: Beginnings of those that no link leads to, for they are calls.
    """

    @web.middleware
    async def keep_out(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_visit = request.method == "GET" and not request.path.startswith(paths)
        listener = listener_at(world.addresses, world.origin)
        problem = refusal_of(request.headers, listener, is_visit=is_visit)
        if problem is None:
            return await handler(request)
        body = orjson.dumps({"error": problem})
        return web.Response(status=403, body=body, content_type="application/json")

    return keep_out
