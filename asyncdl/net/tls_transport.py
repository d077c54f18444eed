"""TLS between a connection and its transport, the same on every event loop.

A loop has TLS of its own, and not every loop's suits a reader that rests while
the disk is slow: uvloop (0.23) throws away what was received and not yet read
when the host closes its end meanwhile. Here the transport is always a plain
one, which rests with the reader, and nothing that has come is lost.
"""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
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
    where: Mapping[str, Any],
) -> None:
    """Connect, and shake hands with the host.

    Args:
        connection: Gets a transport when that is done.
        context: Decides whom to trust.
        hostname: Whose certificate is expected.
        where: Arguments of ``create_connection``: an address, or a socket.
    Raises: OSError, of which an SSLError is one; a cancelled call closes the connection.
    """
    loop = asyncio.get_running_loop()
    transport = TlsTransport(context, hostname, connection)
    await loop.create_connection(lambda: transport, **where)
    await transport.shaken_hands()


class TlsTransport(asyncio.BufferedProtocol, asyncio.Transport):
    """Speaks TLS with a host: a protocol to the loop, a transport to the connection.

    Args:
        context: Decides whom to trust.
        hostname: Whose certificate is expected.
        inner: Receives the decrypted bytes, once the handshake is done.
    """

    _start_tls_compatible = True
    """What asyncio and aiohttp look for where a second TLS goes through the first."""

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
        """Whether this was closed, or all has been handed on."""
        self._is_gone = False
        """Whether the plain transport is."""
        self._has_told = False
        """Whether the connection has heard of the end."""

    async def shaken_hands(self) -> None:
        """Return when the handshake is done.

        Raises: OSError, of which an SSLError is one; a cancelled call closes the connection.
        """
        try:
            await self._handshake
        except BaseException:
            self.abort()
            raise

    async def take_over(self, transport: asyncio.Transport) -> None:
        """Shake hands over a connection that is there. Raises: as :meth:`shaken_hands`."""
        transport.pause_reading()
        transport.set_protocol(self)
        self.connection_made(transport)
        transport.resume_reading()
        await self.shaken_hands()

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

    def pause_writing(self) -> None:
        """Have the connection wait until the host has taken more."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Let it go on."""
        self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Hand on what has come before, then the end."""
        self._loss = exc
        self._is_gone = True
        self._incoming.write_eof()
        if self._is_over:
            self._tell(None)
        else:
            self._proceed()

    def _proceed(self) -> None:
        """Go as far as the received bytes allow."""
        if self._is_over:
            return
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
        is_cut = isinstance(error, ssl.SSLEOFError)
        if self._is_secure:
            self._end(self._loss or (_cut_off() if is_cut else error))
        elif not self._handshake.done():
            # Without a number, as the loops say it of a handshake.
            self._handshake.set_exception(
                self._loss or (ConnectionResetError() if is_cut else error)
            )
            self.abort()

    def _end(self, loss: Exception | None) -> None:
        self.abort()
        self._tell(loss)

    def _tell(self, loss: Exception | None) -> None:
        if self._is_secure and not self._has_told:
            self._has_told = True
            self._inner.connection_lost(loss)

    def _send(self) -> None:
        if self._plain is not None and not self._plain.is_closing() and self._outgoing.pending:
            self._plain.write(self._outgoing.read())

    # What the connection calls.

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Return what this or the plain transport knows."""
        match name:
            case "ssl_object":
                return self._session
            case "sslcontext":
                return self._context
            case "peercert":
                return self._session.getpeercert()
        return default if self._plain is None else self._plain.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Have another one receive what follows."""
        self._inner = cast(asyncio.BufferedProtocol, protocol)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if not self._is_over:
            self._session.write(data)
            self._send()

    def get_write_buffer_size(self) -> int:
        """Return how many encrypted bytes wait to be sent."""
        return 0 if self._plain is None else self._plain.get_write_buffer_size()

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

    def close(self) -> None:
        """Take leave of the host, and close when that has been sent."""
        if self._is_over:
            return
        self._is_over = True
        with suppress(ssl.SSLError):
            self._session.unwrap()  # the host's own leave is not waited for
        self._send()
        if self._plain is not None:
            self._plain.close()
        self._tell_at_last()

    def abort(self) -> None:
        """Close at once."""
        self._is_over = True
        if self._plain is not None:
            self._plain.abort()
        self._tell_at_last()

    def _tell_at_last(self) -> None:
        """Have the connection hear of its end, unless the plain transport is still to end."""
        if self._is_gone:
            asyncio.get_running_loop().call_soon(self._tell, None)


def _cut_off() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
