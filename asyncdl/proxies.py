"""The proxies that the environment names, for those who reach the world by them alone.

``HTTPS_PROXY``, ``HTTP_PROXY`` and ``ALL_PROXY`` name them, ``NO_PROXY`` the hosts that are
asked directly; in lower case, too. This very machine always is: no proxy could lead to it,
but only to the loopback of its own. aiohttp would read them by itself, but then it also sends
whatever ``~/.netrc`` holds for a host.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from asyncdl.errors import NetworkError

PORTS = {"http": 80, "https": 443}
VARIABLES = ("https_proxy", "http_proxy", "all_proxy")


def names_proxy(environ: Mapping[str, str]) -> bool:
    """Tell whether an environment names any proxy."""
    return any(value and name.lower() in VARIABLES for name, value in environ.items())


def proxy_for(url: str) -> str | None:
    """Return the URL of the proxy for an http(s) address; as :func:`proxy_of`."""
    parts = urlsplit(url)
    port = parts.port or PORTS.get(parts.scheme, 0)
    return proxy_of(parts.scheme, parts.hostname or "", port)


def proxy_of(scheme: str, host: str, port: int) -> str | None:
    """Return the URL of the proxy for a host; ``None`` if it is asked directly.

    A user name and a password in it are for the proxy alone.

    Raises: NetworkError, for a proxy that cannot be read or is not spoken to by HTTP.
    """
    if _is_this_machine(host):
        return None
    # Only here: the module behind it takes longer to import than all of the engine's disk code.
    from urllib.request import getproxies, proxy_bypass

    if proxy_bypass(f"{host}:{port}"):
        return None
    proxies = getproxies()
    kind = scheme if proxies.get(scheme) else "all"
    proxy = proxies.get(kind)
    if proxy and not _is_spoken_to(proxy):
        raise NetworkError(f"ask {host}", _unreadable(f"{kind}_proxy", proxy), retryable=False)
    return proxy or None


def _is_this_machine(host: str) -> bool:
    """Tell whether a name or an address is of the loopback, whatever it resolves to.

    Source: RFC 6761, section 6.3 (names); RFC 6890 (addresses).
    """
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def _is_spoken_to(proxy: str) -> bool:
    try:
        parts = urlsplit(proxy)
        # No name has empty or long labels, and looking one up fails in a way of its own.
        (parts.hostname or "").encode("idna")
        return parts.scheme in PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _unreadable(variable: str, proxy: str) -> str:
    """Return what is wrong with a proxy: its variable as it is spelt, its value without secrets."""
    spelt = (
        name for name, value in os.environ.items() if (name.lower(), value) == (variable, proxy)
    )
    user, _, rest = proxy.rpartition("@")
    kind = "".join(user.partition("://")[:2]) if "://" in user else ""
    shown = f"{kind}***@{rest}" if user else proxy
    return (
        f"{next(spelt, variable)}={shown}: no proxy that is spoken to by HTTP "
        "(allowed: a URL such as http://proxy.example.org:3128)"
    )
