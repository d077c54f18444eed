"""The proxies that the environment names, and the hosts it exempts.

``HTTPS_PROXY``, ``HTTP_PROXY`` and ``ALL_PROXY`` name them, ``NO_PROXY`` the hosts that are
connected to directly; the lower case forms take precedence. A proxy speaks HTTP or SOCKS;
``host:port`` is an HTTP proxy. This machine is always connected to directly: through a proxy, its
loopback address would be that of the proxy. aiohttp could read these variables by itself, but then
it would also send what ``~/.netrc`` holds for a host.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from asyncdl.errors import NetworkError
from asyncdl.net.addresses import Zone
from asyncdl.net.hosts import innermost_zone

_PORT = re.compile(r"(?P<host>[^:]+|\[[^\]]*\]):(?P<port>[0-9]+)")


def is_exempt(host: str, port: int, no_proxy: str) -> bool:
    """Return whether a host is to be connected to directly.

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
    """Return whether both are one address, which IPv6 can write in several ways."""
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


PORTS = {"http": 80, "https": 443}
SOCKS = ("socks5h", "socks5", "socks4a", "socks4", "socks")
"""Kinds of SOCKS proxies, with curl's names; ``socks`` is another name for ``socks4``."""
SOCKS_PORT = 1080
"""Source: RFC 1928, section 3."""
VARIABLES = ("https_proxy", "http_proxy", "all_proxy")


def names_proxy(environ: Mapping[str, str]) -> bool:
    """Return whether an environment names any proxy."""
    return any(value and name.lower() in VARIABLES for name, value in environ.items())


def proxy_for(url: str) -> str | None:
    """Return the URL of the proxy for an http(s) address; as :func:`proxy_of`."""
    parts = urlsplit(url)
    port = parts.port or PORTS.get(parts.scheme, 0)
    return proxy_of(parts.scheme, parts.hostname or "", port)


def proxy_of(scheme: str, host: str, port: int) -> str | None:
    """Return the URL of the proxy for a host; ``None`` to connect directly.

    A user name and a password in it are for the proxy alone.

    Raises: NetworkError, for a proxy whose URL is invalid or of an unknown kind.
    """
    if _is_this_machine(host):
        return None
    proxies = _named_proxies()
    no_proxy = proxies.pop("no", "")
    if is_exempt(host, port, no_proxy) or _is_exempt_by_the_system(host):
        return None
    kind = scheme if proxies.get(scheme) else "all"
    named = proxies.get(kind)
    if not named:
        return None
    proxy = _whole(named)
    if not _is_valid(proxy):
        raise NetworkError(
            f"request to {host}", _unreadable(f"{kind}_proxy", named), retryable=False
        )
    return proxy


def is_socks(proxy: str) -> bool:
    """Return whether the URL of a proxy is that of a SOCKS proxy."""
    return urlsplit(proxy).scheme in SOCKS


def looks_names_up(proxy: str) -> bool:
    """Return whether a proxy resolves names; others get the addresses that this machine finds."""
    return urlsplit(proxy).scheme in (*PORTS, "socks5h", "socks4a")


def without_login(proxy: str) -> str:
    """Return the URL of a proxy without user and password, as it may be shown."""
    parts = urlsplit(proxy)
    _, at, host = parts.netloc.rpartition("@")
    return f"{parts.scheme}://{'***@' if at else ''}{host}"


def _named_proxies() -> dict[str, str]:
    """Return the proxies by scheme, ``all`` and ``no`` among them."""
    # Imported only here: it takes longer than all of the engine's disk code.
    from urllib.request import getproxies

    return dict(getproxies())


def _is_exempt_by_the_system(host: str) -> bool:
    """Return whether the system's own settings exempt a host, where they name the proxies."""
    from urllib.request import getproxies_environment, proxy_bypass

    return not getproxies_environment() and bool(proxy_bypass(host))


def _whole(proxy: str) -> str:
    """Return the whole URL of a proxy; with a port, ``http://`` may have been left out."""
    if "://" in proxy:
        scheme, _, rest = proxy.partition("://")
        return f"{scheme.lower()}://{rest}"
    try:
        has_port = urlsplit(f"//{proxy}").port is not None
    except ValueError:
        return proxy
    return f"http://{proxy}" if has_port else proxy


def _is_this_machine(host: str) -> bool:
    """Return whether a name or an address may be the loopback's, in whatever form."""
    return innermost_zone(host) is Zone.LOOPBACK


def _is_valid(proxy: str) -> bool:
    try:
        parts = urlsplit(proxy)
        # Empty and long labels make a look-up fail with an error of its own.
        (parts.hostname or "").encode("idna")
        is_known = parts.scheme in PORTS or parts.scheme in SOCKS
        return is_known and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _unreadable(variable: str, proxy: str) -> str:
    """Return what is wrong with a proxy: its variable as spelt, and its value without secrets."""
    spelt = (
        name for name, value in os.environ.items() if (name.lower(), value) == (variable, proxy)
    )
    user, _, rest = proxy.rpartition("@")
    kind = "".join(user.partition("://")[:2]) if "://" in user else ""
    shown = f"{kind}***@{rest}" if user else proxy
    return (
        f"{next(spelt, variable)}={shown}: not the URL of a proxy (allowed: such as "
        "http://proxy.example.org:3128, proxy.example.org:3128 or socks5h://proxy.example.org:1080)"
    )
