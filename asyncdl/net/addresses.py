"""How far inward an address lies, and who may lead us there. Pure.

Whoever names a URL for us, a service by its reply or a host by its redirect,
could make us ask machines that they cannot reach themselves: a router's page, a
cloud's metadata service, a port of this very machine. One rule keeps them from
it: nobody leads us further inward than where they are.

Source: RFC 6890 and its registries; the zones are close to those of the W3C's
*Private Network Access*.
"""

from __future__ import annotations

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
    for text in (
        *("100.100.100.200", "168.63.129.16", "192.0.0.192"),
        *("fd00:42::42", "fd00:a9fe:a9fe::1", "fd00:c1::a9fe:a9fe", "fd20:ce::254"),
    )
)
"""Of clouds that do not keep it at 169.254.169.254: Alibaba, Azure, Oracle, Scaleway, Linode,
Google."""
_METADATA_OF_EC2 = IPv6Network("fd00:ec2::/32")
"""Metadata, credentials, names and time, each at an address of its own."""

_IN_PLACE_OF_IPV4 = tuple(
    IPv6Network(text) for text in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)
"""Addresses that are an IPv4 address, the last four bytes, in another writing.

Source: RFC 4291, section 2.5.5 (compatible, mapped); RFC 7915 (translated); RFC 6052 (NAT64)."""
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
"""Source: RFC 8215."""
_UNICAST = IPv6Network("2000::/3")
"""Nothing else of IPv6 is for all, whatever the registries say of its parts (RFC 4291)."""
_DOCUMENTATION = IPv6Network("3fff::/20")
"""Source: RFC 9637, which older Pythons do not know."""
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""Before the IPv4 address in the second half of an address (RFC 5214, section 6.1)."""


def zone_of(address: str) -> Zone:
    """Return the zone of an IP address. Raises: ValueError, for what is none."""
    ip = ip_address(address)
    return _zone_of_4(ip) if isinstance(ip, IPv4Address) else _zone_of_6(ip)


def _zone_of_4(ip: IPv4Address) -> Zone:
    # A connection to the unspecified address ends at this machine.
    if ip.is_loopback or ip.is_unspecified:
        return Zone.LOOPBACK
    if ip.is_link_local or ip in _METADATA:
        return Zone.LINK
    is_for_all = ip.is_global and not ip.is_multicast and not ip.is_reserved
    return Zone.PUBLIC if is_for_all else Zone.PRIVATE


def _zone_of_6(ip: IPv6Address) -> Zone:
    if ip.is_loopback or ip.is_unspecified:
        return Zone.LOOPBACK
    if any(ip in network for network in _IN_PLACE_OF_IPV4):
        return _zone_of_4(_bytes(ip, 12, 13, 14, 15))
    if ip.sixtofour is not None:
        return _zone_of_4(ip.sixtofour)
    # Where packets to the others end, the tunnel or translator decides as well.
    return max(_zone_of_plain_6(ip), *map(_zone_of_4, _within(ip)), Zone.PUBLIC)


def _zone_of_plain_6(ip: IPv6Address) -> Zone:
    if ip.is_link_local or ip in _METADATA or ip in _METADATA_OF_EC2:
        return Zone.LINK
    is_for_all = ip in _UNICAST and ip.is_global and ip not in _DOCUMENTATION
    return Zone.PUBLIC if is_for_all else Zone.PRIVATE


def _within(ip: IPv6Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that an address carries, if it is of a kind that does."""
    if ip.teredo is not None:
        return ip.teredo
    if int(ip) >> 32 & 0xFFFF_FFFF in _ISATAP:
        return (_bytes(ip, 12, 13, 14, 15),)
    if ip in _LOCAL_NAT64:
        return _within_local_nat64(ip)
    return ()


def _within_local_nat64(ip: IPv6Address) -> tuple[IPv4Address, ...]:
    """Return what an address stands for by each length that the operator's prefix may have.

    What follows the IPv4 address is zero, so few of them fit.

    Source: RFC 6052, section 2.2.
    """
    places = ((6, 7, 9, 10), (7, 9, 10, 11), (9, 10, 11, 12), (12, 13, 14, 15))
    fitting = (_bytes(ip, *place) for place in places if not any(ip.packed[place[-1] + 1 :]))
    return tuple(found for found in fitting if int(found)) or (IPv4Address(0),)


def _bytes(ip: IPv6Address, *places: int) -> IPv4Address:
    return IPv4Address(bytes(ip.packed[place] for place in places))
