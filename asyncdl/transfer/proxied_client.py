"""The HTTP client that goes through a proxy, by aiohttp, where the environment names one."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

from asyncdl.net.address_policy import Address, check_addresses
from asyncdl.net.addresses import ANYWHERE, Zone
from asyncdl.net.hosts import host_of
from asyncdl.net.proxies import looks_names_up, proxy_of
from asyncdl.net.tls import SharedContext
from asyncdl.transfer.http_client import Client, Response
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.wire_url import RequestTarget

if TYPE_CHECKING:
    from aiohttp import ClientSession


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
