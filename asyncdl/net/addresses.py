"""How far inward an address lies: public, private, link-local or this machine. Pure.

A service that names URLs, or a host that redirects, could have us send requests to machines
that it cannot reach itself: a router's page, a cloud's metadata service, a port of this machine
(server-side request forgery). One rule prevents it: no host leads us further inward than where it
is itself.

Source: RFC 6890 and its registries; the zones are close to those of the W3C's
*Private Network Access*.
"""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address


class Zone(IntEnum):
    """From where an address can be reached; the larger, the further inward."""

    PUBLIC = 0
    """From everywhere."""
    PRIVATE = 1
    """From a network of its own: 10.0.0.0/8, fc00::/7, shared and reserved ranges."""
    LINK = 2
    """From the same cable: 169.254.0.0/16, fe80::/10, and clouds' metadata services."""
    LOOPBACK = 3
    """From this machine alone."""


ANYWHERE = Zone.LOOPBACK
"""How far inward a URL of the user's own may lead."""

_METADATA = frozenset(
    ip_address(text)
    for text in (
        *("100.100.100.200", "168.63.129.16", "192.0.0.192"),
        *("fd00:42::42", "fd00:a9fe:a9fe::1", "fd00:c1::a9fe:a9fe", "fd20:ce::254"),
    )
)
"""Metadata services that are not at 169.254.169.254: Alibaba, Azure, Oracle, Scaleway, Linode,
Google."""
_METADATA_OF_EC2 = IPv6Network("fd00:ec2::/32")
"""Metadata, credentials, DNS and NTP, each at an address of its own."""

_IN_PLACE_OF_IPV4 = tuple(
    IPv6Network(text) for text in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")
)
"""Prefixes of IPv6 addresses that stand for an IPv4 address, which is the last four bytes.

Source: RFC 4291, section 2.5.5 (compatible, mapped); RFC 7915 (translated); RFC 6052 (NAT64)."""
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
"""Source: RFC 8215."""
_UNICAST = IPv6Network("2000::/3")
"""No other IPv6 address is global unicast, whatever the registries say of its parts (RFC 4291)."""
_DOCUMENTATION = IPv6Network("3fff::/20")
"""Source: RFC 9637, which older Pythons do not know."""
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""Before the IPv4 address in the second half of an address (RFC 5214, section 6.1)."""


def zone_of(address: str) -> Zone:
    """Return the zone of an IP address. Raises: ValueError, if it is not one."""
    ip = ip_address(address)
    return _zone_of_4(ip) if isinstance(ip, IPv4Address) else _zone_of_6(ip)


def _zone_of_4(ip: IPv4Address) -> Zone:
    # A connection to the unspecified address ends at this machine.
    if ip.is_loopback or ip.is_unspecified:
        return Zone.LOOPBACK
    if ip.is_link_local or ip in _METADATA:
        return Zone.LINK
    is_public = ip.is_global and not ip.is_multicast and not ip.is_reserved
    return Zone.PUBLIC if is_public else Zone.PRIVATE


def _zone_of_6(ip: IPv6Address) -> Zone:
    if ip.is_loopback or ip.is_unspecified:
        return Zone.LOOPBACK
    if any(ip in network for network in _IN_PLACE_OF_IPV4):
        return _zone_of_4(_bytes(ip, 12, 13, 14, 15))
    if ip.sixtofour is not None:
        return _zone_of_4(ip.sixtofour)
    # Where packets to others end is also up to the tunnel or translator.
    return max(_zone_of_plain_6(ip), *map(_zone_of_4, _within(ip)), Zone.PUBLIC)


def _zone_of_plain_6(ip: IPv6Address) -> Zone:
    if ip.is_link_local or ip in _METADATA or ip in _METADATA_OF_EC2:
        return Zone.LINK
    is_public = ip in _UNICAST and ip.is_global and ip not in _DOCUMENTATION
    return Zone.PUBLIC if is_public else Zone.PRIVATE


def _within(ip: IPv6Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that an IPv6 address contains, if it is of a kind that does."""
    if ip.teredo is not None:
        return ip.teredo
    if int(ip) >> 32 & 0xFFFF_FFFF in _ISATAP:
        return (_bytes(ip, 12, 13, 14, 15),)
    if ip in _LOCAL_NAT64:
        return _within_local_nat64(ip)
    return ()


def _within_local_nat64(ip: IPv6Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that an address may stand for.

    There is one for each length that the operator's prefix may have; as the bytes behind the IPv4
    address are zero, few of them fit.

    Source: RFC 6052, section 2.2.
    """
    places = ((6, 7, 9, 10), (7, 9, 10, 11), (9, 10, 11, 12), (12, 13, 14, 15))
    fitting = (_bytes(ip, *place) for place in places if not any(ip.packed[place[-1] + 1 :]))
    return tuple(found for found in fitting if int(found)) or (IPv4Address(0),)


def _bytes(ip: IPv6Address, *places: int) -> IPv4Address:
    return IPv4Address(bytes(ip.packed[place] for place in places))
