"""TLS between a connection and its transport, the same on every event loop.

A loop has TLS of its own, and not every loop's suits a reader that rests while
the disk is slow: uvloop (0.23) throws away what was received and not yet read
when the host closes its end meanwhile. Here the transport is always a plain
one, which rests with the reader, and nothing that has come is lost.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Any, cast

_RECEIVED_BYTES = 256 * 1024
"""Room for what the loop receives at once, still encrypted."""
_MOST_WAITING_BYTES = 256 * 1024
"""While the connection rests, so much may come before the host has to wait: the line goes on
while the disk is at work."""


async def connect_securely(
    connection: asyncio.BufferedProtocol,
    context: ssl.SSLContext,
    hostname: str,
    place: Mapping[str, Any],
) -> None:
    """Connect, and shake hands with the host.

    Args:
        connection: Gets a transport when that is done.
        context: Decides whom to trust.
        hostname: Whose certificate is expected.
        place: Arguments of ``create_connection`` that say where.
    Raises: OSError, of which an SSLError is one; a cancelled call closes the connection.
    """
    loop = asyncio.get_running_loop()
    handshake: asyncio.Future[None] = loop.create_future()
    transport = TlsTransport(context, hostname, connection, handshake)
    await loop.create_connection(lambda: transport, **place)
    try:
        await handshake
    except BaseException:
        transport.abort()
        raise


class TlsTransport(asyncio.BufferedProtocol, asyncio.Transport):
    """Speaks TLS with a host: a protocol to the loop, a transport to the connection.

    Args:
        context: Decides whom to trust.
        hostname: Whose certificate is expected.
        inner: Receives the decrypted bytes, once the handshake is done.
        handshake: Gets its result when the handshake is done, or its error.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        hostname: str,
        inner: asyncio.BufferedProtocol,
        handshake: asyncio.Future[None],
    ) -> None:
        super().__init__()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)
        # The stubs know only the form that returns bytes.
        self._read = cast(Callable[[int, memoryview], int], self._session.read)
        self._inner = inner
        self._handshake = handshake
        self._received = memoryview(bytearray(_RECEIVED_BYTES))
        self._plain: asyncio.Transport | None = None
        self._is_secure = False
        """Whether the handshake is done."""
        self._is_resting = False
        """Whether the connection wants no bytes for now."""
        self._is_paused = False
        """Whether the host has to wait."""
        self._loss: Exception | None = None
        self._is_over = False
        """Whether the connection was closed, or has heard of the end."""

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._plain = cast(asyncio.Transport, transport)
        self._proceed()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Give the place for the next encrypted bytes."""
        return self._received

    def buffer_updated(self, nbytes: int) -> None:
        """Decrypt what has come."""
        self._incoming.write(self._received[:nbytes])
        self._proceed()
        if self._is_resting and self._incoming.pending >= _MOST_WAITING_BYTES:
            self._pause()

    def eof_received(self) -> bool:
        """Take note of the end; the transport stays until all has been read."""
        self._incoming.write_eof()
        self._proceed()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand on what has come before, then the end."""
        self._loss = exc
        self._incoming.write_eof()
        self._proceed()

    def _proceed(self) -> None:
        """Go as far as the received bytes allow."""
        try:
            if not self._is_secure:
                self._shake_hands()
            self._hand_on()
        except ssl.SSLWantReadError:
            self._send()
        except ssl.SSLZeroReturnError:
            self._end(None)
        except ssl.SSLError as error:
            self._send()  # the host is told why
            self._fail(error)

    def _shake_hands(self) -> None:
        self._session.do_handshake()
        self._is_secure = True
        self._inner.connection_made(self)
        if not self._handshake.done():
            self._handshake.set_result(None)

    def _hand_on(self) -> None:
        """Decrypt into the buffer of the connection, until it rests.

        Raises: SSLWantReadError, when more has to come first; SSLZeroReturnError, when
            the host has said that nothing follows; another SSLError.
        """
        while not (self._is_resting or self._is_over):
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
        # Whoever is between can cut a connection, but cannot say in the host's name that
        # this was all (RFC 9112, section 9.8).
        reason = error if not isinstance(error, ssl.SSLEOFError) else ConnectionResetError()
        if self._is_secure:
            self._end(self._loss or reason)
        elif not self._handshake.done():
            self._handshake.set_exception(self._loss or reason)
            self.abort()

    def _end(self, loss: Exception | None) -> None:
        if not self._is_over:
            self.abort()
            self._inner.connection_lost(loss)

    def _send(self) -> None:
        if self._plain is not None and not self._plain.is_closing() and self._outgoing.pending:
            self._plain.write(self._outgoing.read())

    # What the connection calls.

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Return what the plain transport knows."""
        return default if self._plain is None else self._plain.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        self._session.write(data)
        self._send()

    def pause_reading(self) -> None:
        """Hand on nothing for now."""
        self._is_resting = True

    def resume_reading(self) -> None:
        """Hand on what has come meanwhile, and what follows."""
        self._is_resting = False
        self._proceed()
        if not self._is_resting:
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
        """Tell whether the connection is over."""
        return self._is_over

    def abort(self) -> None:
        """Close at once."""
        self._is_over = True
        if self._plain is not None:
            self._plain.abort()
