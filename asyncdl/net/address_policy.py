"""The address policy: the rule of :mod:`asyncdl.net.addresses`, applied where connections are made.

The text of a host is checked first, since a proxy may resolve it in any way. Addresses are checked
between the look-up and the connection, so they are the very ones that are connected to: a name
that resolves to something else the second time makes no difference. Where a host is, is where the
other end of its connection is; it is not looked up again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from asyncdl.errors import Portable, TransferError
from asyncdl.net.addresses import ANYWHERE, Zone, zone_of
from asyncdl.net.hosts import innermost_zone


class BlockedAddress(TransferError):
    """A URL that a service or host named leads further inward than where that host is."""

    reason = "inward-address"
    remedy = (
        "Do not fetch it unless you know why the service names an address in your own network; "
        "then request that URL yourself."
    )


class AddressRefused(Portable, OSError):
    """An address that the policy forbids; no connection is made to it."""

    def __init__(self) -> None:
        super().__init__("the address is further inward than the host that named it")


def check_host_text(host: str, max_zone: Zone) -> None:
    """Check a host as it is written. Raises: AddressRefused, if it may be further inward."""
    if max_zone < ANYWHERE and innermost_zone(host) > max_zone:
        raise AddressRefused


Address: TypeAlias = tuple[Any, Any, int, str, tuple[Any, ...]]
"""As ``getaddrinfo`` returns it: family, type, protocol, canonical name, socket address."""


def allowed_addresses(max_zone: Zone, addresses: Iterable[Address]) -> list[Address]:
    """Return those of a host's addresses that may be connected to.

    Raises: AddressRefused, if none may.
    """
    allowed = [address for address in addresses if zone_of(address[4][0]) <= max_zone]
    if not allowed:
        raise AddressRefused
    return allowed


def check_addresses(max_zone: Zone, addresses: Iterable[Address]) -> None:
    """Check addresses of which a proxy picks one.

    Raises: AddressRefused, if any is further inward.
    """
    if any(zone_of(address[4][0]) > max_zone for address in addresses):
        raise AddressRefused


def zone_of_peer(peer: tuple[Any, ...] | None) -> Zone | None:
    """Return where the other end of a connection is; ``None`` if the connection is broken."""
    return zone_of(peer[0]) if peer else None
