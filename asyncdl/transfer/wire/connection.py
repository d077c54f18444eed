"""One connection: requests go out, answers come into one buffer that is used over and over.

The loop receives straight into the buffer, and the bytes of a body are handed on
as views of it: between the kernel and the disk they are copied not once. While
nobody reads and the buffer is full the connection rests, so a slow disk slows
down the host and costs no memory.
"""

from __future__ import annotations

import asyncio
from typing import cast

from asyncdl.net.address_policy import zone_of_peer
from asyncdl.net.addresses import ANYWHERE
from asyncdl.net.faults import HEADERS_TOO_LONG, MAX_HEAD_BYTES
from asyncdl.transfer.wire.chunks import Chunks
from asyncdl.transfer.wire.heads import (
    NotHttp,
    ResponseHead,
    end_of_head,
    read_answer_head,
)

_ASIDE_BYTES = 64 * 1024
"""Room for what comes although the buffer is full."""


class Lost(Exception):
    """The connection has ended before the answer has."""


class Connection(asyncio.BufferedProtocol):
    """Receives one answer after the other, each asked for when the last has been read.

    Args:
        loop: Where it runs.
        buffer_bytes: Of a body, handed on at once at most.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, buffer_bytes: int) -> None:
        self.idle_since_s = 0.0
        self.zone = ANYWHERE
        """Where the other end is."""
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        # Most answers are small; for a large one the buffer grows, and stays so.
        self._place = bytearray(MAX_HEAD_BYTES)
        self._view = memoryview(self._place)
        self._buffer_bytes = buffer_bytes
        # The bytes in [start, filled) have come and nobody has had them.
        self._start = 0
        self._filled = 0
        self._room = MAX_HEAD_BYTES
        """How far the buffer is filled at present."""
        # Loops of Windows receive into a buffer of their own, and hand over all of it also
        # when they are asked to rest meanwhile.
        self._aside: bytearray | None = None
        """Takes the next bytes, as there is no room for them."""
        self._waiting = bytearray()
        """Has come, and has had no room yet."""
        self._awaited = 1
        """So many of them wake the reader."""
        self._reader: asyncio.Future[None] | None = None
        self._is_paused = False
        self._is_lost = False
        self._loss: Exception | None = None
        self._has_surplus = False

        # The answer that is being read.
        self._is_in_use = False
        self._head: ResponseHead | None = None
        self._left_bytes: int | None = 0
        """Of its body, not handed on yet; ``None`` if only its end will tell."""
        self._chunks: Chunks | None = None

    @property
    def is_usable(self) -> bool:
        """Whether another request may be made."""
        return not (self._is_lost or self._is_in_use or self._has_surplus)

    @property
    def has_received(self) -> bool:
        """Whether anything of the present answer has come."""
        return self._filled > 0

    async def ask(self, request: bytes, patience_s: float) -> ResponseHead:
        """Send a request and return the head of its answer.

        Raises: Lost; NotHttp; TimeoutError.
        """
        self._is_in_use = True
        self._head = None
        self._start, self._filled, self._room = 0, 0, len(self._place)
        if self._transport is None or self._is_lost:
            raise Lost
        self._transport.write(request)
        deadline_s = self._loop.time() + patience_s
        while True:
            while (stop := end_of_head(self._place, self._start, self._filled)) < 0:
                if self._filled >= MAX_HEAD_BYTES:
                    raise NotHttp(HEADERS_TOO_LONG)
                await self._wait_for_more(deadline_s)
            head = read_answer_head(self._place[self._start : stop])
            self._start = stop
            if not head.is_interim:
                self._begin_body(head)
                return head

    def _begin_body(self, head: ResponseHead) -> None:
        self._head, self._left_bytes = head, head.length
        self._chunks = Chunks() if head.is_chunked else None

    async def read(self, most_bytes: int, patience_s: float, interval_s: float) -> memoryview:
        """Return the next bytes of the body, which are good until the next call; none at its end.

        Args:
            most_bytes: No more than these; the size of the buffer is another limit.
            patience_s: The first of them is waited for so long.
            interval_s: They are collected for so long, unless there are enough before.
        Raises: Lost, if the connection breaks before the end; NotHttp; TimeoutError.
        """
        if self._left_bytes is None:
            return await self._read_unmeasured(patience_s)
        wanted = min(most_bytes, self._buffer_bytes, self._left_bytes)
        came = self._filled - self._start
        # What came with the head goes first where there is no room behind it.
        if came < wanted and not (came and self._start + wanted >= len(self._place)):
            # One byte more than the body: a host is found out that sends too much.
            self._make_way(wanted + (wanted == self._left_bytes))
            await self._collect(wanted, patience_s, interval_s)
        return self._hand_on(min(wanted, self._filled - self._start))

    async def _collect(self, wanted: int, patience_s: float, interval_s: float) -> None:
        began_s = self._loop.time()
        try:
            while self._filled - self._start < wanted:
                await self._wait_for_more(
                    began_s + min(interval_s, patience_s), self._start + wanted
                )
        except TimeoutError:
            if self._filled == self._start:
                await self._wait_for_more(began_s + patience_s)
        except Lost:
            # What came before the break comes first.
            if self._filled == self._start:
                raise

    async def _read_unmeasured(self, patience_s: float) -> memoryview:
        """Read a body that tells its end by itself, or by the end of the connection."""
        deadline_s = self._loop.time() + patience_s
        while True:
            try:
                if self._filled == self._start:
                    self._make_way(self._buffer_bytes)
                # What TLS has kept comes at once, and its end may come right behind it.
                if self._filled == self._start:
                    await self._wait_for_more(deadline_s)
            except Lost:
                if self._chunks is None and self._loss is None:
                    self._left_bytes = 0
                    return self._view[:0]
                raise
            raw = self._view[self._start : self._filled]
            self._start = self._filled
            if self._chunks is None:
                return raw
            data = self._chunks.feed(raw)
            if self._chunks.is_ended:
                self._left_bytes = 0
                self._has_surplus |= self._chunks.has_surplus
            if data or self._chunks.is_ended:
                return memoryview(data)

    def rest(self) -> memoryview:
        """Return what a cancelled :meth:`read` had received already; once."""
        if self._left_bytes is None:
            return self._view[:0]
        return self._hand_on(min(self._left_bytes, self._filled - self._start))

    def _hand_on(self, count: int) -> memoryview:
        handed = self._view[self._start : self._start + count]
        self._start += count
        self._left_bytes = (self._left_bytes or 0) - count
        return handed

    def _make_way(self, wanted: int) -> None:
        """Let the buffer be filled up to ``wanted`` unread bytes, which have room in it."""
        if self._start == self._filled:
            # All that was handed on is done with.
            self._start = self._filled = 0
            if len(self._place) < wanted:
                self._place = bytearray(wanted)
                self._view = memoryview(self._place)
        self._room = self._start + wanted
        if self._waiting:
            self._take_waiting()
        if not self._waiting:
            self._resume()

    def _take_waiting(self) -> None:
        count = min(self._room - self._filled, len(self._waiting))
        self._view[self._filled : self._filled + count] = self._waiting[:count]
        self._filled += count
        del self._waiting[:count]

    async def _wait_for_more(self, deadline_s: float, awaited: int | None = None) -> None:
        """Wait until bytes have come: any, or as many as fill the buffer up to ``awaited``."""
        if self._is_lost:
            raise Lost from self._loss
        self._awaited = self._filled + 1 if awaited is None else awaited
        self._reader = self._loop.create_future()
        timer = self._loop.call_at(deadline_s, self._run_out)
        try:
            await self._reader
        finally:
            timer.cancel()
            self._reader = None

    def _run_out(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_exception(TimeoutError())

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def end(self) -> bool:
        """Be done with the answer; tell whether the connection can be used again.

        If it cannot, it is closed.
        """
        is_read = self._left_bytes is not None and self._left_bytes <= self._filled - self._start
        surplus = self._filled - self._start - (self._left_bytes or 0) + len(self._waiting)
        keeps = self._head is not None and self._head.keeps_alive
        self._is_in_use = False
        if keeps and is_read and not surplus and self.is_usable:
            self._start, self._filled, self._room = 0, 0, len(self._place)
            self._resume()
            return True
        self.close()
        return False

    def close(self) -> None:
        """Close the connection; may be called twice."""
        self._is_lost = True
        if self._transport is not None:
            self._transport.abort()

    # uvloop does not take calls for a connection that is closing.

    def _resume(self) -> None:
        if self._is_paused and self._transport is not None and not self._transport.is_closing():
            self._is_paused = False
            self._transport.resume_reading()

    def _pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # Of whatever class: those of uvloop do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        zone = zone_of_peer(transport.get_extra_info("peername"))
        if zone is None:
            # Whoever sent a byte over it could not be held to where they are.
            self.close()
        else:
            self.zone = zone

    def get_buffer(self, sizehint: int) -> memoryview:
        """Give the place for the next bytes."""
        if self._filled < self._room:
            return self._view[self._filled : self._room]
        self._aside = bytearray(max(sizehint, _ASIDE_BYTES))
        return memoryview(self._aside)

    def buffer_updated(self, nbytes: int) -> None:
        """Take note of bytes that have been put there."""
        aside, self._aside = self._aside, None
        if aside is not None:
            self._waiting += aside[:nbytes]
            return
        self._filled += nbytes
        if not self._is_in_use:
            # Nobody has asked for anything.
            self._has_surplus = True
            self.close()
        elif self._filled >= self._awaited:
            self._wake()
        if self._filled == self._room:
            self._pause()

    def eof_received(self) -> None:
        """Have the transport closed."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        self._is_lost = True
        self._loss = exc
        if self._reader is not None and not self._reader.done():
            lost = Lost()
            lost.__cause__ = exc
            self._reader.set_exception(lost)
