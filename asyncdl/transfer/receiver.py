"""Bodies received straight into one reused buffer, past aiohttp's parser.

aiohttp allocates every piece of a body, copies it once more in its parser, and
queues it. A body whose length is announced needs no parser: once its head has
been read, its connection gets another protocol, which receives into a buffer
that is used over and over. At the end of the body the connection is given back
as aiohttp would have left it. What it brings: docs/decisions/001-receive-path.md.

This is a faster way to the same bytes, never another meaning of them. Where
aiohttp or the loop does not offer what is needed, :func:`take_over` declines,
and the body is read the public way.
"""

from __future__ import annotations

import asyncio

import anyio
from aiohttp import ClientPayloadError, ClientResponse, StreamReader
from aiohttp.client_proto import ResponseHandler


class Receiver(asyncio.BufferedProtocol):
    """Has the rest of one body come in, one buffer after the other.

    The connection rests while nobody reads: a slow disk slows down the host and
    costs no memory.

    Args:
        response: Whose body it is.
        handler: The protocol that the connection belongs to.
        transport: The connection.
        size_bytes: How much of the body is still to come, 1 or more.
        buffer_bytes: Received at once, at most.
    """

    def __init__(
        self,
        response: ClientResponse,
        handler: ResponseHandler,
        transport: asyncio.Transport,
        size_bytes: int,
        buffer_bytes: int,
    ) -> None:
        self._response = response
        self._handler = handler
        self._transport = transport
        self._left_bytes = size_bytes
        # With room for one byte too many, by which a host is found out that
        # sends more than it announced.
        self._buffer = memoryview(bytearray(min(buffer_bytes, size_bytes) + 1))
        self._filled = 0
        self._wanted = 0
        """To be in the buffer when the reader looks at it, unless it gets impatient."""
        self._awaited = 0
        """To be in the buffer to wake the reader."""
        self._news: asyncio.Future[None] | None = None
        self._is_lost = False
        self._has_surplus = False

    async def read(self, most_bytes: int, interval_s: float) -> memoryview:
        """Return the next bytes; none at the end of the body.

        They are good until the next call, which uses their place again.

        Args:
            most_bytes: No more than these; the size of the buffer is another limit.
            interval_s: They are collected for so long, unless there are enough
                before; the first of them is waited for in any case.
        Raises: ClientPayloadError, if the connection breaks before the end. What
            came until then is returned first.
        """
        self._filled = 0
        self._wanted = min(most_bytes, len(self._buffer) - 1, self._left_bytes)
        if self._wanted == 0:
            return self._buffer[:0]
        self._resume()
        try:
            with anyio.move_on_after(interval_s):
                await self._wait_for(self._wanted)
            await self._wait_for(1)
        finally:
            self._pause()
        return self._received()

    def rest(self) -> memoryview:
        """Return what a cancelled :meth:`read` had received; once."""
        rest, self._filled = self._buffer[: self._filled], 0
        return rest

    def _received(self) -> memoryview:
        if not self._filled:
            raise ClientPayloadError("the connection broke within the body")
        received, self._filled = self._buffer[: self._filled], 0
        if self._left_bytes == 0 and not self._is_lost and not self._has_surplus:
            self._give_back()
        return received

    def _give_back(self) -> None:
        """Leave the connection as if aiohttp itself had come to the end of the body."""
        self._transport.set_protocol(self._handler)
        # A fresh parser: the old one waits for a body that it will never see.
        self._handler.set_response_params(read_until_eof=True)
        self._resume()
        self._response.content.feed_eof()

    # uvloop does not take calls for a connection that is closing.

    def _resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _pause(self) -> None:
        if not self._transport.is_closing():
            self._transport.pause_reading()

    async def _wait_for(self, count: int) -> None:
        """Wait until the buffer holds ``count`` bytes, or no more will come."""
        self._awaited = count
        while self._filled < count and not self._is_lost:
            self._news = asyncio.get_running_loop().create_future()
            await self._news

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    # What the transport calls.

    def get_buffer(self, sizehint: int) -> memoryview:
        """Give the place for the next bytes."""
        spare = 1 if self._wanted - self._filled == self._left_bytes else 0
        return self._buffer[self._filled : self._wanted + spare]

    def buffer_updated(self, nbytes: int) -> None:
        """Take note of bytes that have been put there."""
        self._has_surplus = nbytes > self._left_bytes
        taken = min(nbytes, self._left_bytes)
        self._left_bytes -= taken
        self._filled += taken
        if self._filled == self._wanted:
            self._pause()
        if self._filled >= self._awaited:
            self._wake()

    def eof_received(self) -> None:
        """Have the transport closed, as aiohttp does."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell aiohttp, which keeps the books, and whoever waits."""
        self._is_lost = True
        self._handler.connection_lost(exc)
        self._wake()

    def pause_writing(self) -> None:
        """Pass it on."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._handler.resume_writing()


def take_over(
    response: ClientResponse, from_bytes: int, buffer_bytes: int
) -> tuple[bytes, Receiver | None]:
    """Put a receiver on the connection of a response, whose body nobody has read from.

    Args:
        response: Its head has come, and perhaps some of its body.
        from_bytes: A smaller rest is not worth it.
        buffer_bytes: For the receiver.
    Returns: What has come of the body, and the receiver of its rest; ``None`` in
        its place if the rest has to be read the public way.
    """
    connection, content = response.connection, response.content
    left_bytes = _left_bytes(response)
    if connection is None or left_bytes < max(1, from_bytes):
        return b"", None
    handler, transport = connection.protocol, connection.transport
    if handler is None or transport is None or transport.is_closing():
        return b"", None
    received = _drain(content)
    left_bytes -= len(received)
    if left_bytes == 0 or content.is_eof() or content.exception() is not None:
        return received, None
    receiver = Receiver(response, handler, transport, left_bytes, buffer_bytes)
    transport.pause_reading()
    transport.set_protocol(receiver)
    return received, receiver


def _left_bytes(response: ClientResponse) -> int:
    """Return how much of a body is not read yet; 0 if its bytes are not sent as they are."""
    length = response.headers.get("Content-Length", "")
    is_coded = "Transfer-Encoding" in response.headers or "Content-Encoding" in response.headers
    if is_coded or not length.isdecimal() or response.content.exception() is not None:
        return 0
    return int(length)


def _drain(content: StreamReader) -> bytes:
    """Take what aiohttp has received; afterwards its parser holds nothing back."""
    pieces = []
    while content.exception() is None and (piece := content.read_nowait()):
        pieces.append(piece)
    return b"".join(pieces)
