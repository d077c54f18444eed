"""aiohttp sessions for all rooms: one proxy, our TLS, no cookies, no netrc."""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from typing import Any
from urllib.parse import unquote, urlsplit

from aiohttp import (
    BaseConnector,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientProxyConnectionError,
    ClientSession,
    DummyCookieJar,
    ThreadedResolver,
)
from aiohttp.abc import ResolveResult
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from anyio import to_thread

from asyncdl.errors import NetworkError
from asyncdl.extras import installing
from asyncdl.net.addresses import ANYWHERE, Zone, zone_of
from asyncdl.net.aiohttp_faults import KnownFault
from asyncdl.net.connectors import SecureConnector, as_aiohttp_errors, start_tls
from asyncdl.net.faults import MAX_HEAD_BYTES, moved_inward, socks_refusal
from asyncdl.net.hosts import is_loopback_name, outermost_zone
from asyncdl.net.proxies import SOCKS_PORT, is_socks, looks_names_up, proxy_for, without_login
from asyncdl.net.tls import Tls, tls_context

_LIMITS: dict[str, Any] = {"max_line_size": MAX_HEAD_BYTES, "max_field_size": MAX_HEAD_BYTES}
"""Of response headers, as the engine's own client has them."""


class LoopbackResolver(ThreadedResolver):
    """Resolves names; those of this machine without a look-up, so that no DNS server decides.

    Requests to this machine go without TLS, secrets included. Source: RFC 6761, section 6.3.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host. Raises: OSError."""
        if not is_loopback_name(host):
            return await super().resolve(host, port, family)
        return [
            _loopback(host, port, address, kind)
            for address, kind in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6))
            if family in (kind, socket.AF_UNSPEC)
        ]


def _loopback(host: str, port: int, address: str, family: socket.AddressFamily) -> ResolveResult:
    return ResolveResult(
        hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
    )


async def open_session(url: str, tls: Tls | None, **options: Any) -> ClientSession:
    """Return a session for the host of a URL, through the proxy that the environment names for it.

    Args:
        url: Of the host.
        tls: Whom to trust.
        options: Of ``ClientSession``.
    Raises: NetworkError, for a proxy that cannot be used; ConfigError, for ``tls``.
    """
    proxy = proxy_for(url)
    is_secure = url.startswith("https:") or (proxy or "").startswith("https:")
    context = await to_thread.run_sync(tls_context, tls) if is_secure else None
    return new_session(proxy, context, **options)


def new_session(proxy: str | None, context: ssl.SSLContext | None, **options: Any) -> ClientSession:
    """Return a session that goes through a proxy, or directly.

    Args:
        proxy: Its URL.
        context: For hosts and proxies; ``None`` where neither speaks TLS.
        options: Of ``ClientSession``.
    Raises: NetworkError, for a SOCKS proxy without the extra ``socks``.
    """
    options = _LIMITS | {"cookie_jar": DummyCookieJar()} | options
    if proxy is not None and is_socks(proxy):
        return ClientSession(connector=_by_socks(proxy, context), **options)
    resolver, tls = LoopbackResolver(), context or True
    make = _Direct if proxy is None else SecureConnector
    connector = make(ssl=tls, resolver=resolver)
    return ClientSession(connector=connector, proxy=proxy, **options)


class _Direct(SecureConnector):
    """Connects to one host, never further inward than where it was before.

    So a name that resolves to something else the second time, or has several addresses, does
    not lead a request inward that follows from an earlier response.
    """

    met_at: Zone | None = None
    """The outermost zone of all connections so far."""

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            zone = _zone_of_peer(connection)
            if zone is None:
                return connection  # it is broken, or this would be known
            if zone <= self._max_zone:
                self.met_at = zone
                return connection
            # It was opened before the zone of the host was known.
            connection.close()

    @property
    def _max_zone(self) -> Zone:
        return ANYWHERE if self.met_at is None else self.met_at

    async def _resolve_host(self, host: str, port: int, traces: Any = None) -> list[ResolveResult]:
        found = await super()._resolve_host(host, port, traces)
        allowed = [place for place in found if zone_of(place["host"]) <= self._max_zone]
        if found and not allowed:
            raise KnownFault(moved_inward(host))
        return allowed


def _zone_of_peer(connection: Connection) -> Zone | None:
    transport = connection.transport
    peer = transport.get_extra_info("peername") if transport is not None else None
    return zone_of(peer[0]) if peer else None


def zone_met(session: ClientSession, host: str) -> Zone:
    """Return where the one host of a session is.

    That is where the connections of :func:`open_session` led. With a proxy, or a session of the
    caller's, the text of the host is all that is known.
    """
    connector = session.connector
    met_at = connector.met_at if isinstance(connector, _Direct) else None
    return outermost_zone(host) if met_at is None else met_at


def _by_socks(proxy: str, context: ssl.SSLContext | None) -> BaseConnector:
    make = _socks_connector(proxy)
    from aiohttp_socks import ProxyType

    parts = urlsplit(proxy)
    has_user = parts.username is not None
    connector: BaseConnector = make(
        host=parts.hostname,
        port=parts.port or SOCKS_PORT,
        proxy_type=ProxyType.SOCKS5 if "5" in parts.scheme else ProxyType.SOCKS4,
        username=unquote(parts.username or "") if has_user else None,
        password=unquote(parts.password or "") if has_user else None,
        # Whether the proxy resolves the host name, or this machine.
        rdns=looks_names_up(proxy),
        ssl=context or True,
    )
    return connector


def _socks_connector(proxy: str) -> Any:
    try:
        return _socks_connector_class()
    except ImportError as error:
        cause = (
            f"{without_login(proxy)} is a SOCKS proxy, which needs the extra socks: "
            f"{installing('socks')}"
        )
        raise NetworkError("use the proxy", cause, retryable=False) from error


@functools.cache
def _socks_connector_class() -> Any:
    """Return a connector that raises aiohttp's own errors. Raises: ImportError."""
    from aiohttp_socks import ProxyConnectionError, ProxyConnector, ProxyError

    class SocksConnector(ProxyConnector):
        async def _wrap_create_connection(self, *args: Any, req: Any, **kwargs: Any) -> Any:
            context, hostname = kwargs.pop("ssl", None), kwargs.pop("server_hostname", None)
            async with asyncio.timeout(kwargs["timeout"].sock_connect):
                with as_aiohttp_errors(req.connection_key, _system_failure):
                    plain, handler = await self._by_proxy(*args, req=req, **kwargs)
                    if context is None:
                        return plain, handler
                    return await start_tls(plain, handler, context, hostname), handler

        async def _by_proxy(self, *args: Any, req: Any, **kwargs: Any) -> Any:
            try:
                return await super()._wrap_create_connection(*args, req=req, **kwargs)
            except ProxyConnectionError as error:
                reason = _system_error(error)
                raise ClientProxyConnectionError(req.connection_key, reason) from error
            except ProxyError as error:
                raise _refusal(error) from error

    return SocksConnector


def _system_failure(key: ConnectionKey, error: OSError) -> ClientConnectorError:
    is_nameless = isinstance(error, socket.gaierror)
    return (ClientConnectorDNSError if is_nameless else ClientConnectorError)(key, error)


def _system_error(error: BaseException) -> OSError:
    """Return the system's error behind one about a proxy that cannot be reached."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error if isinstance(error, OSError) else OSError(str(error))


def _refusal(error: Any) -> KnownFault:
    """Return the fault behind an error of the SOCKS library."""
    is_cut = type(error.__cause__.__cause__).__name__ == "IncompleteReadError"
    code = None if error.error_code is None else int(error.error_code)
    return KnownFault(socks_refusal(str(error), code=code, has_responded=not is_cut))
