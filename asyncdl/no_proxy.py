"""Which hosts ``NO_PROXY`` exempts from proxies, in all the forms that people write. Pure."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

_PORT = re.compile(r"(?P<host>[^:]+|\[[^\]]*\]):(?P<port>[0-9]+)")


def is_exempt(host: str, port: int, no_proxy: str) -> bool:
    """Tell whether a host is to be asked directly.

    Args:
        host: Name, or address without brackets.
        port: Of the host.
        no_proxy: Entries between commas or white space: a name, which stands for all names
            below it, too, be it written ``example.com``, ``.example.com`` or
            ``*.example.com``; an address, IPv6 with brackets or without; a network such as
            ``10.0.0.0/8``; each but the last also with ``:port``; and ``*`` for every host.
            As curl reads it, which knows no ``*.``, no brackets and no ports.
    """
    name = _plain(host)
    return any(_matches(name, port, entry) for entry in re.split(r"[\s,]+", no_proxy) if entry)


def _matches(host: str, port: int, entry: str) -> bool:
    if entry == "*":
        return True
    if with_port := _PORT.fullmatch(entry):
        if with_port["port"].lstrip("0") != str(port):  # as text: it may have any length
            return False
        entry = with_port["host"]
    if "/" in entry:
        return _is_within(host, entry)
    entry = _plain(entry.removeprefix("*"))
    return bool(entry) and (
        host == entry or _is_same_address(host, entry) or _is_below(host, entry)
    )


def _plain(host: str) -> str:
    return host.lower().strip(".").removeprefix("[").removesuffix("]")


def _is_below(host: str, domain: str) -> bool:
    return host.endswith(f".{domain}") and not _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_same_address(host: str, other: str) -> bool:
    """Tell whether both are one address, which IPv6 can write in several ways."""
    try:
        return ip_address(host) == ip_address(other)
    except ValueError:
        return False


def _is_within(host: str, network: str) -> bool:
    address, _, bits = network.partition("/")
    try:
        return ip_address(host) in ip_network(f"{_plain(address)}/{bits}", strict=False)
    except ValueError:
        return False
