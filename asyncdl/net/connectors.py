"""aiohttp connectors with TLS of our own, the same on every event loop.

Why: :mod:`asyncdl.net.tls_transport`.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientPayloadError,
    TCPConnector,
)
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey

from asyncdl.net.tls_transport import TlsTransport

_BUFFER_BYTES = 64 * 1024


class SecureConnector(TCPConnector):
    """Connects as aiohttp does, directly or through an HTTP proxy.

    A body that ends with its connection is complete only if that was closed in order.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory: Any = partial(_Handler, self._loop)

    async def _wrap_create_connection(
        self, *args: Any, req: Any, timeout: Any, **kwargs: Any
    ) -> Any:
        context, hostname = kwargs.pop("ssl", None), kwargs.pop("server_hostname", None)
        connect: Callable[..., Any] = super()._wrap_create_connection
        if context is None:
            return await connect(*args, req=req, timeout=timeout, **kwargs)
        make_handler, *rest = args
        handler = make_handler()
        transport = _SessionTransport(context, hostname, _BufferedAdapter(handler))
        failure = kwargs.get("client_error", ClientConnectorError)
        async with asyncio.timeout(timeout.sock_connect):
            with as_aiohttp_errors(req.connection_key, failure):
                await connect(lambda: transport, *rest, req=req, timeout=timeout, **kwargs)
                await transport.handshake_done()
        return transport, handler

    async def _start_tls_connection(
        self,
        underlying_transport: asyncio.Transport,
        req: Any,
        timeout: Any,
        client_error: type[Exception] = ClientConnectorError,
    ) -> Any:
        context: Any = self._get_ssl_context(req)
        hostname, key = req.server_hostname or req.host, req.connection_key
        handler = self._factory()
        async with asyncio.timeout(timeout.sock_connect):
            with as_aiohttp_errors(key, client_error):
                return await start_tls(underlying_transport, handler, context, hostname), handler


async def start_tls(
    plain: asyncio.Transport, handler: ResponseHandler, context: ssl.SSLContext, hostname: str
) -> TlsTransport:
    """Start TLS on an open connection, and return its transport.

    Args:
        plain: The connection; it is closed if the handshake fails.
        handler: Receives the decrypted bytes.
        context: Which certificates are trusted.
        hostname: Whose certificate is expected.
    Raises: OSError, of which an SSLError is one.
    """
    transport = _SessionTransport(context, hostname, _BufferedAdapter(handler))
    await transport.wrap(plain)
    return transport


@contextmanager
def as_aiohttp_errors(
    key: ConnectionKey, failure: Callable[[ConnectionKey, OSError], Exception]
) -> Iterator[None]:
    """Raise the errors that aiohttp raises in place of those of ``ssl`` and the system.

    Args:
        key: Whose connection it is.
        failure: Makes its error for faults other than TLS.
    """
    try:
        yield
    except (ClientError, TimeoutError):
        raise
    except ssl.CertificateError as error:
        raise ClientConnectorCertificateError(key, error) from error
    except ssl.SSLError as error:
        raise ClientConnectorSSLError(key, error) from error
    except OSError as error:
        raise failure(key, error) from error


class _Handler(ResponseHandler):
    """Distinguishes a broken connection from a closed one, and keeps the reason."""

    _loss: BaseException | None = None

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        # aiohttp may find a connection closed as it writes to it, and then forgets why it is.
        cause = self._loss or exc_cause
        exc.__cause__ = None if cause is exc else cause
        super().set_exception(exc)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._loss = exc
        if exc is not None and self._payload is not None and not self._payload.is_eof():
            # aiohttp takes any end of the connection for that of a body without a length.
            self._payload.set_exception(ClientPayloadError(str(exc)), exc)
        super().connection_lost(exc)


class _SessionTransport(TlsTransport):
    """Delivers its backlog in a callback of its own: aiohttp resumes in the middle of a read."""

    _resumption: asyncio.Handle | None = None

    def pause_reading(self) -> None:
        if self._resumption is not None:
            self._resumption.cancel()
        super().pause_reading()

    def resume_reading(self) -> None:
        self._resumption = asyncio.get_running_loop().call_soon(super().resume_reading)


class _BufferedAdapter(asyncio.BufferedProtocol):
    """Passes bytes to a protocol that has no buffer of its own."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        self._protocol = protocol
        self._view = memoryview(bytearray(_BUFFER_BYTES))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._protocol.connection_made(transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        self._protocol.data_received(bytes(self._view[:nbytes]))

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)
