"""The rule of :mod:`zones`, kept where connections are made.

The address is looked at when the socket for it is about to be made, so it is
the very address that is connected to: a name that resolves to something else
the second time, or an address written in an odd way, makes no difference. Once
per connection; requests on one that stands only compare two numbers.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import urlsplit

import anyio
from aiohttp import AddrInfoType, ClientResponse
from aiohttp.connector import Connection

from asyncdl.errors import TransferError
from asyncdl.transfer.zones import ANYWHERE, Zone, outmost, zone_of


class InwardAddress(TransferError):
    """A URL that somebody named for us leads further inward than where they are."""

    reason = "inward-address"
    remedy = (
        "Do not fetch it unless you know why the service names an address in your own network; "
        "then give the URL itself to `asyncdl get`."
    )


class Refused(OSError):
    """An address that nobody may lead us to; it is not connected to."""

    def __init__(self) -> None:
        super().__init__("the address is further inward than whoever named it")


# aiohttp asks for a socket without saying what for.
_inmost: ContextVar[Zone] = ContextVar("inmost", default=ANYWHERE)


@contextmanager
def no_further_than(inmost: Zone) -> Iterator[None]:
    """Have :func:`make_socket` refuse addresses further inward while the block runs."""
    before = _inmost.set(inmost)
    try:
        yield
    finally:
        _inmost.reset(before)


def make_socket(address: AddrInfoType) -> socket.socket:
    """Make the socket for a connection to ``address``. Raises: Refused."""
    family, kind, protocol, _, place = address
    if zone_of(place[0]) > _inmost.get():
        raise Refused
    return socket.socket(family, kind, protocol)


class PlacedResponse(ClientResponse):
    """Knows where it comes from, also after its connection has gone on to the next."""

    zone = ANYWHERE
    """Of the host that sent it."""

    def __repr__(self) -> str:
        # aiohttp's shows the whole URL and all headers.
        return f"<{type(self).__name__} {self.status}>"

    async def start(self, connection: Connection) -> ClientResponse:
        """Take note of the other end, and go on as usual."""
        peer = connection.transport.get_extra_info("peername") if connection.transport else None
        if peer:
            self.zone = zone_of(peer[0])
        return await super().start(connection)


def zone_of_sender(response: ClientResponse) -> Zone:
    """Return where a response comes from; for a session of somebody else's, anywhere."""
    return response.zone if isinstance(response, PlacedResponse) else ANYWHERE


async def zone_of_host(url: str) -> Zone:
    """Return where the host of a URL is; one that nobody knows is public.

    The least inward of its addresses counts, for that is where it can be reached from.
    """
    try:
        found = await anyio.getaddrinfo(urlsplit(url).hostname, None)
    except (OSError, UnicodeError, ValueError):
        return Zone.PUBLIC
    return outmost(str(place[0]) for *_, place in found)
