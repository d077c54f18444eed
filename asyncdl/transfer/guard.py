"""The rule of :mod:`zones`, kept where connections are made.

The addresses are looked at between the look-up and the connection, so they are the
very ones that are connected to: a name that resolves to something else the
second time, or an address written in an odd way, makes no difference. Once
per connection; requests on one that stands only compare two numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import anyio

from asyncdl.errors import Portable, TransferError
from asyncdl.transfer.zones import ANYWHERE, Zone, outmost, zone_of


class InwardAddress(TransferError):
    """A URL that somebody named for us leads further inward than where they are."""

    reason = "inward-address"
    remedy = (
        "Do not fetch it unless you know why the service names an address in your own network; "
        "then give the URL itself to `asyncdl get`."
    )


class Refused(Portable, OSError):
    """An address that nobody may lead us to; it is not connected to."""

    def __init__(self) -> None:
        super().__init__("the address is further inward than whoever named it")


Address: TypeAlias = tuple[Any, Any, int, str, tuple[Any, ...]]
"""As ``getaddrinfo`` gives it: family, kind, protocol, name, place."""


def no_further_than(inmost: Zone, addresses: Iterable[Address]) -> list[Address]:
    """Return those of a host's addresses that may be connected to.

    Raises: Refused, if none may.
    """
    allowed = [address for address in addresses if zone_of(address[4][0]) <= inmost]
    if not allowed:
        raise Refused
    return allowed


def zone_of_peer(peer: tuple[Any, ...] | None) -> Zone:
    """Return where the other end of a connection is."""
    return zone_of(peer[0]) if peer else ANYWHERE


async def zone_of_host(url: str) -> Zone:
    """Return where the host of a URL is; one that nobody knows is public.

    The least inward of its addresses counts, for that is where it can be reached from.
    """
    try:
        found = await anyio.getaddrinfo(urlsplit(url).hostname, None)
    except (OSError, UnicodeError, ValueError):
        return Zone.PUBLIC
    return outmost(str(place[0]) for *_, place in found)
