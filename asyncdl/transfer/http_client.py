"""What the engine needs of an HTTP client, and the choice between the two that there are.

The tests run with both.

The engine's own is :mod:`asyncdl.transfer.wire`. :mod:`asyncdl.transfer.aiohttp_client` is for
proxies, and for callers who bring an aiohttp session with a resolver of their own. Both return the
same bytes and raise the same errors.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from asyncdl.net.address_policy import Address, check_addresses
from asyncdl.net.addresses import ANYWHERE, Zone
from asyncdl.net.hosts import host_of
from asyncdl.net.proxies import looks_names_up, proxy_of
from asyncdl.net.tls import SharedContext
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.wire_url import RequestTarget

if TYPE_CHECKING:
    from aiohttp import ClientSession


class Response(Protocol):
    """A response whose body is still to come."""

    @property
    def status(self) -> int:
        """Such as 206."""

    @property
    def zone(self) -> Zone:
        """Where the host is that sent it; by the text of its name where only a proxy knows."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The first of each name; names are in lower case."""

    async def read(self, most_bytes: int, timeout_s: float) -> bytes | memoryview:
        """Return the next bytes of the body; none at its end. They are good until the next call.

        Args:
            most_bytes: About so many at most.
            timeout_s: The first of them is waited for so long.
        Raises: TimeoutError, if none comes for so long; NetworkError, if the
            connection breaks before the end. What came until then comes first.
        """

    def take_received(self) -> bytes | memoryview:
        """Return what a cancelled :meth:`read` had received already."""

    def close(self) -> None:
        """Be done with it. A body that has not been read to its end costs the connection."""


class Client(Protocol):
    """Makes requests over connections that it keeps."""

    async def get(
        self, target: RequestTarget, headers: Mapping[str, str], max_zone: Zone
    ) -> Response:
        """Send a GET and return the response, whatever its status; redirects are not followed.

        Args:
            target: The URL.
            headers: Of the request.
            max_zone: No address further inward is connected to.
        Raises: NetworkError, without a response; AddressRefused.
        """

    def idle_connections(self, target: RequestTarget) -> int:
        """Return how many requests could be sent at once; a high number if that is not known."""

    async def aclose(self) -> None:
        """Close all connections."""


class ProxyingClient:
    """Goes through a proxy where one is named, and directly elsewhere.

    Args:
        direct: For hosts without a proxy; closed with this.
        limits: Timeouts and the size of buffers.
        tls: Whom to trust.
    """

    def __init__(self, direct: Client, limits: Limits, tls: SharedContext) -> None:
        self._direct = direct
        self._tls = tls
        self._limits = limits
        self._sessions: dict[str, ClientSession] = {}

    async def get(
        self, target: RequestTarget, headers: Mapping[str, str], max_zone: Zone
    ) -> Response:
        """Send a GET and return the response; a proxy decides which addresses it connects to."""
        proxy = proxy_of(*target.origin)
        if proxy is None:
            return await self._direct.get(target, headers, max_zone)
        from asyncdl.transfer.aiohttp_client import SessionClient

        if max_zone < ANYWHERE and not looks_names_up(proxy):
            check_addresses(max_zone, await _addresses_of(target))
        client = SessionClient(await self._session_by(proxy), self._limits, proxy=host_of(proxy))
        return await client.get(target, headers, max_zone)

    def idle_connections(self, target: RequestTarget) -> int:
        """Return how many requests could be sent at once; a high number where a proxy is used."""
        is_direct = proxy_of(*target.origin) is None
        return self._direct.idle_connections(target) if is_direct else sys.maxsize

    async def _session_by(self, proxy: str) -> ClientSession:
        from asyncdl.net.sessions import new_session

        context = await self._tls.get()
        if proxy not in self._sessions:
            self._sessions[proxy] = new_session(proxy, context, auto_decompress=False)
        return self._sessions[proxy]

    async def aclose(self) -> None:
        """Close all connections."""
        await self._direct.aclose()
        for session in self._sessions.values():
            await session.close()


async def _addresses_of(target: RequestTarget) -> list[Address]:
    """Return the addresses of a host; none if it is unknown here, which the proxy will report."""
    _, host, port = target.origin
    try:
        loop = asyncio.get_running_loop()
        return list(await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return []
