"""The proxies that the environment names, for those who reach the world by them alone.

``HTTPS_PROXY``, ``HTTP_PROXY`` and ``ALL_PROXY`` name them, ``NO_PROXY`` the hosts that are
asked directly; in lower case, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from asyncdl.errors import NetworkError
from asyncdl.transfer.client import Client, Exchange
from asyncdl.transfer.limits import Limits
from asyncdl.transfer.target import Target
from asyncdl.transfer.zones import Zone

if TYPE_CHECKING:
    from aiohttp import ClientSession

VARIABLES = ("https_proxy", "http_proxy", "all_proxy")


def names_proxy(environ: Mapping[str, str]) -> bool:
    """Tell whether an environment names any proxy."""
    return any(value and name.lower() in VARIABLES for name, value in environ.items())


def proxy_of(target: Target) -> str | None:
    """Return the URL of the proxy for a target; ``None`` if its host is asked directly."""
    # Only here: the module behind it takes longer to import than all of the engine's disk code.
    from urllib.request import getproxies, proxy_bypass

    scheme, host, port = target.origin
    proxies = getproxies()
    if proxy_bypass(f"{host}:{port}"):
        return None
    return proxies.get(scheme) or proxies.get("all")


class ProxyingClient:
    """Goes by a proxy where one is named, and directly elsewhere.

    Args:
        direct: For hosts that are asked directly; closed with this.
        limits: Timeouts and the size of buffers.
    """

    def __init__(self, direct: Client, limits: Limits) -> None:
        self._direct = direct
        self._limits = limits
        self._sessions: dict[str, ClientSession] = {}

    async def get(self, target: Target, headers: Mapping[str, str], inmost: Zone) -> Exchange:
        """Send a GET and return the answer; the proxy decides which addresses are asked."""
        proxy = proxy_of(target)
        if proxy is None:
            return await self._direct.get(target, headers, inmost)
        from asyncdl.transfer.session import SessionClient

        client = SessionClient(self._session_by(proxy, target), self._limits)
        return await client.get(target, headers, inmost)

    def _session_by(self, proxy: str, target: Target) -> ClientSession:
        if proxy not in self._sessions:
            self._sessions[proxy] = _open_session(proxy, target)
        return self._sessions[proxy]

    async def aclose(self) -> None:
        """Close all connections."""
        await self._direct.aclose()
        for session in self._sessions.values():
            await session.close()


def _open_session(proxy: str, target: Target) -> ClientSession:
    """Open a session that goes by a proxy.

    Raises: NetworkError, for a proxy that is not spoken to by HTTP.
    """
    from aiohttp import ClientSession, DummyCookieJar

    if urlsplit(proxy).scheme not in ("http", "https"):
        kind = urlsplit(proxy).scheme or "nameless"
        text = f"the environment names a proxy of a kind that is not spoken here: {kind}"
        raise NetworkError(f"ask {target.host}", text, retryable=False)
    return ClientSession(proxy=proxy, auto_decompress=False, cookie_jar=DummyCookieJar())
