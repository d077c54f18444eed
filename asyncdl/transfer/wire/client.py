"""Requests over connections that are kept for the next one."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

from anyio.lowlevel import cancel_shielded_checkpoint

from asyncdl.errors import NetworkError
from asyncdl.net.address_policy import Address, AddressRefused, no_further_than
from asyncdl.net.addresses import ANYWHERE, Zone
from asyncdl.net.tls import SharedContext
from asyncdl.net.tls_faults import handshake_fault_in, tls_fault
from asyncdl.net.tls_transport import connect_securely
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.wire.connection import Connection, Lost
from asyncdl.transfer.wire.heads import NotHttp, ResponseHead, request_head
from asyncdl.transfer.wire_url import Origin, RequestTarget

KEEPALIVE_S = 30.0
"""An idle connection is not used any more after this."""
_ODD_ADDRESS = re.compile(r"(?!\d{1,3}(?:\.\d{1,3}){3}$)[\d.]+")
"""Old C libraries read ``127.1`` and ``2130706433`` as addresses; people mean no such thing."""
NEXT_ADDRESS_S = 0.25
"""A host's next address is tried beside one that has not answered for so long."""


class WireExchange:
    """An answer on a connection. See :class:`~asyncdl.transfer.http_client.Exchange`."""

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

    async def read(self, most_bytes: int, patience_s: float) -> memoryview:
        """Return the next bytes of the body; none at its end."""
        interval_s = self._client.limits.flush_interval_s
        try:
            return await self._connection.read(most_bytes, patience_s, interval_s)
        except Lost as loss:
            what = f"read from {self._target.host}"
            raise_lost(what, loss, "the body was cut short", phase="body")
        except NotHttp as error:
            cause = str(error)
        raise NetworkError(f"read from {self._target.host}", cause, phase="garbled")

    def rest(self) -> memoryview:
        """Return what a cancelled :meth:`read` had received already."""
        return self._connection.rest()

    def close(self) -> None:
        """Give the connection back, or close it if the body has not been read."""
        if self._connection.end():
            self._client.keep(self._target.origin, self._connection)


class WireClient:
    """Makes requests. How many connections there are is the host_limiter's business.

    Args:
        limits: Timeouts, and how much is handed on at once.
        tls: Whom to trust; by default as the environment says.
    """

    def __init__(self, limits: Limits, tls: SharedContext | None = None) -> None:
        self.limits = limits
        self._idle: defaultdict[Origin, list[Connection]] = defaultdict(list)
        self._tls = tls or SharedContext()

    async def get(
        self, target: RequestTarget, headers: Mapping[str, str], inmost: Zone = ANYWHERE
    ) -> WireExchange:
        """Send a GET and return its answer."""
        request = request_head(target, headers)
        what = f"ask {target.host}"
        if _ODD_ADDRESS.fullmatch(target.origin[1]):
            raise NetworkError(what, "that is no address of a host", retryable=False)
        connection = self._take(target.origin, inmost)
        if connection is not None:
            try:
                return await self._ask(connection, target, request)
            except Lost as loss:
                # Closed by the host while it was idle, or it would have said something.
                if connection.has_received:
                    raise_lost(what, loss, "it closed the connection within its answer")
        connection = await self._connect(target, inmost)
        try:
            return await self._ask(connection, target, request)
        except Lost as loss:
            raise_lost(what, loss, "it closed the connection without an answer")

    async def _ask(
        self, connection: Connection, target: RequestTarget, request: bytes
    ) -> WireExchange:
        what = f"ask {target.host}"
        try:
            head = await connection.ask(request, self.limits.header_timeout_s)
        except BaseException as error:
            connection.close()
            if isinstance(error, NotHttp):
                # Its frames hold the head, and heads hold secrets.
                raise NetworkError(
                    what, f"the answer is not HTTP: {error}", phase="garbled"
                ) from None
            if isinstance(error, TimeoutError):
                raise NetworkError(what, "no answer in time") from None
            raise
        return WireExchange(self, target, connection, head)

    def keep(self, origin: Origin, connection: Connection) -> None:
        """Keep an idle connection for the next request."""
        connection.idle_since_s = asyncio.get_running_loop().time()
        self._idle[origin].append(connection)

    def _take(self, origin: Origin, inmost: Zone) -> Connection | None:
        idle = self._idle[origin]
        oldest_s = asyncio.get_running_loop().time() - KEEPALIVE_S
        found: Connection | None = None
        further: list[Connection] = []
        while idle and found is None:
            # The last that was used is the likeliest to be open still.
            connection = idle.pop()
            if connection.zone > inmost:
                # It is from a time when more was allowed, and good for whoever is allowed more.
                further.append(connection)
            elif connection.is_usable and connection.idle_since_s >= oldest_s:
                found = connection
            else:
                connection.close()
        idle += reversed(further)
        return found

    async def _connect(self, target: RequestTarget, inmost: Zone) -> Connection:
        _, host, port = target.origin
        connection = Connection(asyncio.get_running_loop(), self.limits.write_bytes)
        with _our_errors(f"ask {target.host}"):
            async with asyncio.timeout(self.limits.connect_timeout_s):
                place = await _find(host, port, inmost)
                if target.is_secure:
                    context = await self._tls.get()
                    await connect_securely(connection, context, host, place)
                else:
                    loop = asyncio.get_running_loop()
                    await loop.create_connection(lambda: connection, **place)
        return connection

    async def aclose(self) -> None:
        """Close all connections."""
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()
        # A closed socket leaves the loop in its next turn.
        await cancel_shielded_checkpoint()


async def _find(host: str, port: int, inmost: Zone) -> dict[str, Any]:
    """Return what ``create_connection`` needs to get to a host: an address, or a socket."""
    found = no_further_than(inmost, await _look_up(host, port))
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


def raise_lost(what: str, loss: Lost, cause: str, *, phase: str = "") -> NoReturn:
    """Raise the error of ours for a connection that broke; the system's reason goes first."""
    reason = loss.__cause__
    if isinstance(reason, ssl.SSLError):
        fault = tls_fault(reason)
        raise NetworkError(what, fault.cause, retryable=fault.retryable, phase=phase) from loss
    if isinstance(reason, OSError) and reason.strerror:
        raise NetworkError(what, reason.strerror, errno=reason.errno, phase=phase) from loss
    raise NetworkError(what, cause, phase=phase) from loss


@contextmanager
def _our_errors(what: str) -> Iterator[None]:
    """Say what went wrong on the way to a connection."""
    try:
        yield
    except AddressRefused:
        raise
    except socket.gaierror as error:
        raise NetworkError(what, "its name is not known", phase="connect") from error
    except ConnectionRefusedError as error:
        raise NetworkError(what, "refused", phase="connect") from error
    except TimeoutError as error:
        raise NetworkError(what, "no connection in time", phase="connect") from error
    except OSError as error:
        if fault := handshake_fault_in(error):
            raise NetworkError(
                what, fault.cause, retryable=fault.retryable, phase="connect"
            ) from error
        cause = error.strerror or "the connection broke"
        raise NetworkError(what, cause, errno=error.errno, phase="connect") from error
