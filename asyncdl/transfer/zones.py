"""How far inward an address lies, and who may lead us there. Pure.

Whoever names a URL for us, a service by its reply or a host by its redirect,
could make us ask machines that they cannot reach themselves: a router's page, a
cloud's metadata service, a port of this very machine. One rule keeps them from
it: nobody leads us further inward than where they are.

Source: RFC 6890 and its registries; the zones are close to those of the W3C's
*Private Network Access*.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address


class Zone(IntEnum):
    """Where an address is seen from; the larger, the further inward."""

    PUBLIC = 0
    """From everywhere."""
    PRIVATE = 1
    """From a network of its own: 10.0.0.0/8, fc00::/7, shared and reserved ranges."""
    LINK = 2
    """From the same cable: 169.254.0.0/16, fe80::/10, and clouds' metadata services."""
    LOOPBACK = 3
    """From this machine alone."""


ANYWHERE = Zone.LOOPBACK
"""How far inward a URL may lead that the user vouches for."""

_METADATA = frozenset(
    ip_address(text)
    for text in ("100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
)
"""Of clouds that do not keep it at 169.254.169.254."""

_NAT64 = IPv6Network("64:ff9b::/96")
"""Stands for an IPv4 address in the last four bytes (RFC 6052)."""


def zone_of(address: str) -> Zone:
    """Return the zone of an IP address. Raises: ValueError, for what is none."""
    return _zone(ip_address(address))


def outmost(addresses: Iterable[str]) -> Zone:
    """Return the zone of a host that has these addresses: the least inward one.

    Raises: ValueError, for what is no IP address.
    """
    return min(map(zone_of, addresses), default=Zone.PUBLIC)


def _zone(ip: IPv4Address | IPv6Address) -> Zone:
    if isinstance(ip, IPv6Address):
        translated = _translated(ip)
        if translated is not None:
            return _zone(translated)
        if ip.is_site_local:
            return Zone.PRIVATE
    # A connection to the unspecified address ends at this machine.
    if ip.is_loopback or ip.is_unspecified:
        return Zone.LOOPBACK
    if ip.is_link_local or ip in _METADATA:
        return Zone.LINK
    is_for_all = ip.is_global and not ip.is_multicast and not ip.is_reserved
    return Zone.PUBLIC if is_for_all else Zone.PRIVATE


def _translated(ip: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to ``ip`` end at, if they leave IPv6."""
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour
