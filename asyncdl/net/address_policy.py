"""The rule of :mod:`asyncdl.net.addresses`, kept where connections are made.

The text of a host is looked at before anything is done with it, for a proxy may make of it what
it likes. The addresses are looked at between the look-up and the connection, so they are the
very ones that are connected to: a name that resolves to something else the second time makes no
difference. Where a host is, is where the other end of its connection is, and never asked again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from asyncdl.errors import Portable, TransferError
from asyncdl.net.addresses import ANYWHERE, Zone, zone_of
from asyncdl.net.hosts import inmost_zone


class BlockedAddress(TransferError):
    """A URL that somebody named for us leads further inward than where they are."""

    reason = "inward-address"
    remedy = (
        "Do not fetch it unless you know why the service names an address in your own network; "
        "then request that URL yourself."
    )


class AddressRefused(Portable, OSError):
    """An address that nobody may lead us to; it is not connected to."""

    def __init__(self) -> None:
        super().__init__("the address is further inward than whoever named it")


def check_text(host: str, inmost: Zone) -> None:
    """Look at a host as it is written. Raises: Refused, if it may be further inward."""
    if inmost < ANYWHERE and inmost_zone(host) > inmost:
        raise AddressRefused


Address: TypeAlias = tuple[Any, Any, int, str, tuple[Any, ...]]
"""As ``getaddrinfo`` gives it: family, kind, protocol, name, place."""


def no_further_than(inmost: Zone, addresses: Iterable[Address]) -> list[Address]:
    """Return those of a host's addresses that may be connected to.

    Raises: Refused, if none may.
    """
    allowed = [address for address in addresses if zone_of(address[4][0]) <= inmost]
    if not allowed:
        raise AddressRefused
    return allowed


def check_all(inmost: Zone, addresses: Iterable[Address]) -> None:
    """Look at addresses of which somebody else picks one.

    Raises: Refused, if any is further inward.
    """
    if any(zone_of(address[4][0]) > inmost for address in addresses):
        raise AddressRefused


def zone_of_peer(peer: tuple[Any, ...] | None) -> Zone | None:
    """Return where the other end of a connection is; ``None`` for one that is broken."""
    return zone_of(peer[0]) if peer else None
