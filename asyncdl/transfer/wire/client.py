"""Requests over connections that are kept for the next one."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from anyio.lowlevel import cancel_shielded_checkpoint

from asyncdl.net.address_policy import Address, allowed_addresses
from asyncdl.net.addresses import ANYWHERE, Zone
from asyncdl.net.faults import (
    CLOSED,
    CUT_SHORT,
    NOT_AN_ADDRESS,
    RESPONSE_TIMEOUT,
    network_errors,
    not_http,
    system_fault,
)
from asyncdl.net.tls import SharedContext
from asyncdl.net.tls_transport import connect_securely
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.wire.connection import Connection, ConnectionLost
from asyncdl.transfer.wire.messages import NotHttp, ResponseHead, request_head
from asyncdl.transfer.wire_url import Origin, RequestTarget

KEEPALIVE_S = 30.0
"""An idle connection is not used any more after this."""
_ODD_ADDRESS = re.compile(r"(?!\d{1,3}(?:\.\d{1,3}){3}$)[\d.]+")
"""Old C libraries read ``127.1`` and ``2130706433`` as addresses; users do not mean them so."""
NEXT_ADDRESS_S = 0.25
"""After so long without a connection, the next address of the host is tried beside it."""


class WireResponse:
    """A response on a connection. See :class:`~asyncdl.transfer.http_client.Response`."""

    __slots__ = ("_client", "_connection", "_target", "headers", "status", "zone")

    def __init__(
        self, client: WireClient, target: RequestTarget, connection: Connection, head: ResponseHead
    ) -> None:
        self.status = head.status
        self.headers = head.headers
        self.zone = connection.zone
        self._client = client
        self._target = target
        self._connection = connection

    async def read(self, most_bytes: int, timeout_s: float) -> memoryview:
        """Return the next bytes of the body; none at its end."""
        interval_s = self._client.limits.flush_interval_s
        try:
            return await self._connection.read(most_bytes, timeout_s, interval_s)
        except ConnectionLost as loss:
            fault = system_fault(loss.__cause__, CUT_SHORT)
            raise fault.error(f"read from {self._target.host}") from loss
        except NotHttp as error:
            fault = not_http(str(error))
        raise fault.error(f"read from {self._target.host}")

    def take_received(self) -> memoryview:
        """Return what a cancelled :meth:`read` had received already."""
        return self._connection.take_received()

    def close(self) -> None:
        """Give the connection back, or close it if the body has not been read."""
        if self._connection.finish():
            self._client.keep(self._target.origin, self._connection)


class WireClient:
    """Makes requests. How many connections there are is up to its caller.

    Args:
        limits: Timeouts, and how much is handed on at once.
        tls: Whom to trust; by default as the environment says.
    """

    def __init__(self, limits: Limits, tls: SharedContext | None = None) -> None:
        self.limits = limits
        self._idle: defaultdict[Origin, list[Connection]] = defaultdict(list)
        self._tls = tls or SharedContext()

    async def get(
        self, target: RequestTarget, headers: Mapping[str, str], max_zone: Zone = ANYWHERE
    ) -> WireResponse:
        """Send a GET and return its response."""
        request = request_head(target, headers)
        what = f"request to {target.host}"
        if _ODD_ADDRESS.fullmatch(target.origin[1]):
            raise NOT_AN_ADDRESS.error(what)
        connection = self._take(target.origin, max_zone)
        if connection is not None:
            try:
                return await self._request(connection, target, request)
            except ConnectionLost as loss:
                # Without a byte of a response, the host had closed it while it was idle.
                if connection.has_received:
                    raise system_fault(loss.__cause__, CLOSED).error(what) from loss
        connection = await self._connect(target, max_zone)
        try:
            return await self._request(connection, target, request)
        except ConnectionLost as loss:
            raise system_fault(loss.__cause__, CLOSED).error(what) from loss

    async def _request(
        self, connection: Connection, target: RequestTarget, request: bytes
    ) -> WireResponse:
        what = f"request to {target.host}"
        try:
            head = await connection.send_request(request, self.limits.header_timeout_s)
        except BaseException as error:
            connection.close()
            if isinstance(error, NotHttp):
                # Its frames hold the head, and heads hold secrets.
                raise not_http(str(error)).error(what) from None
            if isinstance(error, TimeoutError):
                raise RESPONSE_TIMEOUT.error(what) from None
            raise
        return WireResponse(self, target, connection, head)

    def keep(self, origin: Origin, connection: Connection) -> None:
        """Keep an idle connection for the next request."""
        connection.idle_since_s = asyncio.get_running_loop().time()
        self._idle[origin].append(connection)

    def idle_connections(self, target: RequestTarget) -> int:
        """Return how many requests could be sent at once, on connections that are open."""
        return len(self._idle.get(target.origin, ()))

    def _take(self, origin: Origin, max_zone: Zone) -> Connection | None:
        idle = self._idle[origin]
        oldest_s = asyncio.get_running_loop().time() - KEEPALIVE_S
        found: Connection | None = None
        others: list[Connection] = []
        while idle and found is None:
            # The last that was used is the likeliest to be open still.
            connection = idle.pop()
            if connection.zone > max_zone:
                # It was opened when more was allowed, and serves requests that are allowed more.
                others.append(connection)
            elif connection.is_usable and connection.idle_since_s >= oldest_s:
                found = connection
            else:
                connection.close()
        idle += reversed(others)
        return found

    async def _connect(self, target: RequestTarget, max_zone: Zone) -> Connection:
        _, host, port = target.origin
        connection = Connection(asyncio.get_running_loop(), self.limits.write_bytes)
        with network_errors(f"request to {target.host}"):
            async with asyncio.timeout(self.limits.connect_timeout_s):
                where = await _find(host, port, max_zone)
                if target.is_secure:
                    context = await self._tls.get()
                    await connect_securely(connection, context, host, where)
                else:
                    loop = asyncio.get_running_loop()
                    await loop.create_connection(lambda: connection, **where)
        return connection

    async def aclose(self) -> None:
        """Close all connections."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()
        # A closed socket leaves the loop in its next turn.
        await cancel_shielded_checkpoint()


async def _find(host: str, port: int, max_zone: Zone) -> dict[str, Any]:
    """Return what ``create_connection`` needs to get to a host: an address, or a socket."""
    found = allowed_addresses(max_zone, await _look_up(host, port))
    if len(found) == 1:
        return {"host": found[0][4][0], "port": port}
    from aiohappyeyeballs import start_connection  # Numeric addresses do without.

    return {"sock": await start_connection(found, happy_eyeballs_delay=NEXT_ADDRESS_S)}


async def _look_up(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(found)
