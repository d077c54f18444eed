"""Refuse requests of web pages: any page in a browser on this machine could send some.

The browser marks requests of a page from another origin (``Origin``, ``Sec-Fetch-Site``). A page
whose own name resolves to this machine, by DNS rebinding, has the same origin as far as the
browser knows, but its name is still in ``Host``. The port in ``Host`` is ignored: no page can
choose it, and it differs where the sandbox's port is forwarded.

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
from asyncdl.net.hosts import innermost_zone, is_address
from asyncdl.sandbox.sandbox_state import SandboxState

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^\[\]:/@?#\\\s]+)(?::\d*)?")
_OWN_SITES = frozenset({"none", "same-origin"})
"""Accepted values of ``Sec-Fetch-Site``: a URL that the user typed, and pages of this server.
Another server on this machine is ``same-site`` and refused."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Addresses and names of the sandbox's server."""

    is_for_others: bool
    """Whether other machines can reach it."""
    names: frozenset[str] = frozenset()
    """Its names besides addresses and ``localhost``, in lower case."""

    def is_meant_by(self, host: str | None) -> bool:
        """Return whether a ``Host`` header names this sandbox and nothing else."""
        if host is None:
            return True  # browsers always send it
        found = _HOST.fullmatch(host.strip())
        if found is None:
            return False
        name = found["name"].lower().rstrip(".")
        if innermost_zone(name) is Zone.LOOPBACK or name in self.names:
            return True
        # Addresses and names without a dot cannot be used for DNS rebinding.
        return self.is_for_others and (is_address(name) or "." not in name)


def listener_at(addresses: Iterable[str], origin: str) -> Listener:
    """Return the listener of a server.

    Args:
        addresses: The addresses it listens on.
        origin: Its own origin, such as ``http://name:8080``.
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
    """Return why a request is refused; ``None`` if no page of another origin has sent it.

    Args:
        headers: Headers of the request; case-insensitive.
        listener: The server that received it.
        is_visit: Whether it is a GET of something that a link may lead to.
    """
    host, origin, site = (headers.get(name) for name in ("Host", "Origin", "Sec-Fetch-Site"))
    if not listener.is_meant_by(host):
        return f"Host {host!r} is not this sandbox; allowed: its address, or localhost"
    if origin is not None and origin.lower() not in _origins_at(host):
        return f"a page of {origin!r} may not use the sandbox"
    if site is None or site in _OWN_SITES or (is_visit and _is_navigation(headers)):
        return None
    return f"a page of another origin ({site}) may not use the sandbox"


def _origins_at(host: str | None) -> tuple[str, ...]:
    return () if host is None else (f"http://{host.lower()}", f"https://{host.lower()}")


def _is_navigation(headers: Mapping[str, str]) -> bool:
    """Return whether the user followed a link, so that no page can read the response."""
    fetch = (headers.get("Sec-Fetch-Mode"), headers.get("Sec-Fetch-Dest"))
    return fetch == ("navigate", "document")


def refuse_web_pages(state: SandboxState, paths: tuple[str, ...]) -> Middleware:
    """Return a middleware that refuses requests of foreign pages, before they are logged.

    Args:
        state: State of the sandbox, with its addresses.
        paths: Path prefixes of API calls, which no link may lead to.
    """

    @web.middleware
    async def refuse_or_serve(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_visit = request.method == "GET" and not request.path.startswith(paths)
        listener = listener_at(state.addresses, state.origin)
        problem = refusal_of(request.headers, listener, is_visit=is_visit)
        if problem is None:
            return await handler(request)
        body = orjson.dumps({"error": problem})
        return web.Response(status=403, body=body, content_type="application/json")

    return refuse_or_serve
