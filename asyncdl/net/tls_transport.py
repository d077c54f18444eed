"""TLS between a connection and its transport, the same on every event loop.

Event loops have TLS of their own, which does not suit a reader that pauses while the disk is slow:
uvloop (0.23) discards what was received and not yet read when the host closes meanwhile. Here the
transport of the loop is always a plain one, which pauses with the reader, and nothing that was
received is lost.
"""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, cast

_RECEIVED_BYTES = 128 * 1024
"""Room for what the loop receives at once, still encrypted; it fits into a processor's cache."""
_DECRYPTED_BYTES = 32 * 1024
"""So much of it is handed to OpenSSL at once, whose memory for it never shrinks: two records."""
_OF_THREAD = threading.local()
"""Has one buffer for all connections of a thread: what is received leaves it at once."""


async def connect_securely(
    connection: asyncio.BufferedProtocol,
    context: ssl.SSLContext,
    hostname: str,
    where: Mapping[str, Any],
) -> None:
    """Connect, and complete the TLS handshake.

    Args:
        connection: Gets a transport when that is done.
        context: Which certificates are trusted.
        hostname: Expected in the certificate.
        where: Arguments of ``create_connection``: an address, or a socket.
    Raises: OSError, of which an SSLError is one; a cancelled call closes the connection.
    """
    loop = asyncio.get_running_loop()
    transport = TlsTransport(context, hostname, connection)
    await loop.create_connection(lambda: transport, **where)
    await transport.handshake_done()


def _shared_buffer() -> memoryview:
    if not hasattr(_OF_THREAD, "buffer"):
        _OF_THREAD.buffer = memoryview(bytearray(_RECEIVED_BYTES))
    buffer: memoryview = _OF_THREAD.buffer
    return buffer


def _note_seen(handshake: asyncio.Future[None]) -> None:
    """Keep asyncio from logging an error that nobody waits for: who connects may have left."""
    if not handshake.cancelled():
        handshake.exception()


class TlsTransport(asyncio.BufferedProtocol, asyncio.Transport):
    """TLS with a host: a protocol for the loop, a transport for the connection.

    Args:
        context: Which certificates are trusted.
        hostname: Expected in the certificate.
        inner: Receives the decrypted bytes, once the handshake is done.
    """

    _start_tls_compatible = True
    """Read by asyncio and aiohttp before they start a second TLS within the first."""

    def __init__(
        self,
        context: ssl.SSLContext,
        hostname: str,
        inner: asyncio.BufferedProtocol,
    ) -> None:
        super().__init__()
        self._context = context
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)
        # The stubs know only the form that returns bytes.
        self._read = cast(Callable[[int, memoryview], int], self._session.read)
        self._inner = inner
        self._handshake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._handshake.add_done_callback(_note_seen)
        self._received = _shared_buffer()
        self._plain: asyncio.Transport | None = None
        self._is_secure = False
        """Whether the handshake is done."""
        self._is_reader_paused = False
        """Whether the connection takes no bytes at present."""
        self._is_paused = False
        """Whether the host has to wait."""
        self._loss: Exception | None = None
        self._is_over = False
        """Whether this was closed, or all has been delivered."""
        self._is_gone = False
        """Whether the plain transport is."""
        self._has_reported_end = False
        """Whether ``connection_lost`` of the connection was called."""

    async def handshake_done(self) -> None:
        """Return when the handshake is done.

        Raises: OSError, of which an SSLError is one; a cancelled call closes the connection.
        """
        try:
            await self._handshake
        except BaseException:
            self.abort()
            raise

    async def wrap(self, transport: asyncio.Transport) -> None:
        """Complete the handshake over an open connection. Raises: as :meth:`handshake_done`."""
        transport.pause_reading()
        transport.set_protocol(self)
        self.connection_made(transport)
        transport.resume_reading()
        await self.handshake_done()

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._plain = cast(asyncio.Transport, transport)
        self._proceed()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the buffer for the next encrypted bytes."""
        return self._received

    def buffer_updated(self, nbytes: int) -> None:
        """Decrypt what has come."""
        for start in range(0, nbytes, _DECRYPTED_BYTES):
            self._incoming.write(self._received[start : min(start + _DECRYPTED_BYTES, nbytes)])
            self._proceed()
        if self._is_reader_paused:
            self._pause()

    def eof_received(self) -> bool:
        """Note the end; the transport stays until all has been read."""
        self._incoming.write_eof()
        self._proceed()
        return True

    def pause_writing(self) -> None:
        """Pass it on to the connection."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on to the connection."""
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Deliver what came before, then report the end."""
        self._loss = exc
        self._is_gone = True
        self._incoming.write_eof()
        if self._is_over:
            self._report_end(None)
        else:
            self._proceed()

    def _proceed(self) -> None:
        """Go as far as the received bytes allow."""
        if self._is_over:
            return
        try:
            if not self._is_secure:
                self._do_handshake()
            self._deliver()
        except ssl.SSLWantReadError:
            self._send()
        except ssl.SSLZeroReturnError:
            self._end(None)
        except ssl.SSLError as error:
            self._send()  # the alert that says why
            self._fail(error)

    def _do_handshake(self) -> None:
        self._session.do_handshake()
        self._is_secure = True
        self._inner.connection_made(self)
        if not self._handshake.done():
            self._handshake.set_result(None)

    def _deliver(self) -> None:
        """Decrypt into the buffer of the connection, until that pauses.

        Raises: SSLWantReadError, when more has to come first; SSLZeroReturnError, when
            the host has said that nothing follows; another SSLError.
        """
        while not (self._is_reader_paused or self._is_over):
            buffer = cast(memoryview, self._inner.get_buffer(-1))
            filled = 0
            try:
                while filled < len(buffer):
                    count = self._read(len(buffer) - filled, buffer[filled:])
                    if not count:
                        raise ssl.SSLZeroReturnError
                    filled += count
            finally:
                if filled:
                    self._inner.buffer_updated(filled)

    def _fail(self, error: ssl.SSLError) -> None:
        # An attacker can cut a connection, but cannot forge the message that says that this
        # was all (RFC 9112, section 9.8).
        is_cut = isinstance(error, ssl.SSLEOFError)
        if self._is_secure:
            self._end(self._loss or (_cut_off() if is_cut else error))
        elif not self._handshake.done():
            # Without an errno, as the loops report it of a handshake.
            self._handshake.set_exception(
                self._loss or (ConnectionResetError() if is_cut else error)
            )
            self.abort()

    def _end(self, loss: Exception | None) -> None:
        self.abort()
        self._report_end(loss)

    def _report_end(self, loss: Exception | None) -> None:
        if self._is_secure and not self._has_reported_end:
            self._has_reported_end = True
            self._inner.connection_lost(loss)

    def _send(self) -> None:
        if self._plain is not None and not self._plain.is_closing() and self._outgoing.pending:
            self._plain.write(self._outgoing.read())

    # What the connection calls.

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Return what this or the plain transport has under a name."""
        match name:
            case "ssl_object":
                return self._session
            case "sslcontext":
                return self._context
            case "peercert":
                return self._session.getpeercert()
        return default if self._plain is None else self._plain.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Deliver what follows to another protocol."""
        self._inner = cast(asyncio.BufferedProtocol, protocol)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if not self._is_over:
            self._session.write(data)
            self._send()

    def get_write_buffer_size(self) -> int:
        """Return how many encrypted bytes are still to be sent."""
        return 0 if self._plain is None else self._plain.get_write_buffer_size()

    def pause_reading(self) -> None:
        """Deliver nothing until :meth:`resume_reading`."""
        self._is_reader_paused = True

    def resume_reading(self) -> None:
        """Deliver what has come meanwhile, and what follows."""
        self._is_reader_paused = False
        self._proceed()
        if not self._is_reader_paused:
            self._resume()

    def _pause(self) -> None:
        if self._plain is not None and not self._plain.is_closing() and not self._is_paused:
            self._is_paused = True
            self._plain.pause_reading()

    def _resume(self) -> None:
        if self._plain is not None and not self._plain.is_closing() and self._is_paused:
            self._is_paused = False
            self._plain.resume_reading()

    def is_closing(self) -> bool:
        """Return whether the connection was closed."""
        return self._is_over

    def close(self) -> None:
        """Send close_notify, and close when that has been sent."""
        if self._is_over:
            return
        self._is_over = True
        with suppress(ssl.SSLError):
            self._session.unwrap()  # that of the host is not waited for
        self._send()
        if self._plain is not None:
            self._plain.close()
        self._report_end_soon()

    def abort(self) -> None:
        """Close at once."""
        self._is_over = True
        if self._plain is not None:
            self._plain.abort()
        self._report_end_soon()

    def _report_end_soon(self) -> None:
        """Report the end to the connection, unless that of the plain transport is still to come."""
        if self._is_gone:
            asyncio.get_running_loop().call_soon(self._report_end, None)


def _cut_off() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
