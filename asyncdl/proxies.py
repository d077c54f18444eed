"""The proxies that the environment names, for those who reach the world by them alone.

``HTTPS_PROXY``, ``HTTP_PROXY`` and ``ALL_PROXY`` name them, ``NO_PROXY`` the hosts that are
asked directly; in lower case, too. aiohttp would read them by itself, but then it also sends
whatever ``~/.netrc`` holds for a host.
"""

from __future__ import annotations

from collections.abc import Mapping
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

    Raises: NetworkError, for a proxy that is not spoken to by HTTP.
    """
    # Only here: the module behind it takes longer to import than all of the engine's disk code.
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    proxy = None if proxy_bypass(f"{host}:{port}") else proxies.get(scheme) or proxies.get("all")
    if proxy and (kind := urlsplit(proxy).scheme) not in ("http", "https"):
        text = f"the environment names a proxy of a kind that is not spoken here: {kind}"
        raise NetworkError(f"ask {host}", text, retryable=False)
    return proxy or None
