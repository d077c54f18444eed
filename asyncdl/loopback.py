"""Which hosts are this very machine, and what may be sent without TLS: to those alone. Pure."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

TLS_FORM = "an https URL; http is for this very machine alone (localhost, 127.0.0.1, [::1])"
"""What a URL has to be where a secret goes along."""


def is_loopback(host: str) -> bool:
    """Tell whether a name or an address is of the loopback, whatever it resolves to.

    Args:
        host: Without port and brackets.
    Source: RFC 6761, section 6.3 (names); RFC 6890 (addresses).
    """
    name = host.lower().removesuffix(".")
    if is_loopback_name(name):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def is_loopback_name(host: str) -> bool:
    """Tell whether a host is ``localhost`` or a name below it."""
    name = host.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def goes_in_clear(scheme: str, host: str) -> bool:
    """Tell whether others than this machine could read what is sent to a host."""
    return scheme != "https" and not is_loopback(host)
