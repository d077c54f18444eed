"""One connection: requests go out, responses come into one buffer that is used over and over.

The loop receives straight into the buffer, and the bytes of a body are returned as views of it:
between the kernel and the disk they are not copied once. While the buffer is full and nothing is
read the connection pauses, so a slow disk slows down the host and costs no memory.

::

             connection_made           send_request               headers are read
      NEW ────────────────────► IDLE ───────────────► HEADERS ─────────────────────► BODY
       │                        │ ▲                      │                           │ │
       │                        │ └──────────────────────┼─── finish, all was read ──┘ │
       │                        │                        │ the host closes             │
       │                        │                        └────────► DRAINING ◄─────────┘
       │ close                  │ close, lost,                          │
       │                        │ or bytes without a request            │ close, finish
       └────────────────────────┴─────────────► CLOSED ◄────────────────┘
                                                   ▲
                                                   └── close, or finish before the end
                                                       (from HEADERS and BODY)

In ``DRAINING`` what has come before the end is still read; the end itself comes behind it.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import cast

from asyncdl.net.address_policy import zone_of_peer
from asyncdl.net.addresses import ANYWHERE
from asyncdl.net.faults import HEADERS_TOO_LONG, MAX_HEAD_BYTES
from asyncdl.transfer.wire.messages import (
    Chunks,
    NotHttp,
    ResponseHead,
    end_of_head,
    read_response_head,
)

_OVERFLOW_BYTES = 64 * 1024
"""Room for what comes although the buffer is full."""


class ConnectionState(Enum):
    """Where a connection is, between requests and within a response."""

    NEW = "no transport yet"
    IDLE = "open, and ready for a request"
    HEADERS = "a request was sent; the headers of its response are still to come"
    BODY = "the body of the response is being read"
    DRAINING = "the other end has closed; what came before is still being read"
    CLOSED = "closed for good"

    following: tuple[ConnectionState, ...]
    """The states that may come next; as drawn above."""


# Names of the module, since they are compared for each piece of a body that comes.
NEW, IDLE, HEADERS, BODY, DRAINING, CLOSED = ConnectionState

NEW.following = (IDLE, CLOSED)
IDLE.following = (HEADERS, CLOSED)
HEADERS.following = (BODY, DRAINING, CLOSED)
BODY.following = (IDLE, DRAINING, CLOSED)
DRAINING.following = (CLOSED,)
CLOSED.following = ()

_EXPECTING = (HEADERS, BODY)
"""States in which bytes may come."""
_ENDED = (DRAINING, CLOSED)


class ConnectionLost(Exception):
    """The connection has ended before the response has."""


class Connection(asyncio.BufferedProtocol):
    """Receives one response after the other, each requested when the last has been read.

    Args:
        loop: Where it runs.
        buffer_bytes: Of a body, returned at once at most.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, buffer_bytes: int) -> None:
        self.state = NEW
        self.idle_since_s = 0.0
        self.zone = ANYWHERE
        """Where the other end is."""
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        # Most responses are small; for a large one the buffer grows until its end.
        self._buffer = bytearray(MAX_HEAD_BYTES)
        self._view = memoryview(self._buffer)
        self._buffer_bytes = buffer_bytes
        # The bytes in [start, filled) have come and were not returned yet.
        self._start = 0
        self._filled = 0
        self._limit = MAX_HEAD_BYTES
        """How far the buffer is filled at present."""
        # Loops of Windows receive into a buffer of their own, and deliver all of it even if they
        # are paused meanwhile.
        self._overflow: bytearray | None = None
        """Takes the next bytes, as there is no room for them."""
        self._backlog = bytearray()
        """Has come, and has had no room yet."""
        self._wake_at = 1
        """The reader is woken when the buffer is filled so far."""
        self._reader: asyncio.Future[None] | None = None
        self._deadline_s = 0.0
        """Until then the reader waits."""
        self._timer: asyncio.TimerHandle | None = None
        """Stays from one wait to the next, since nearly all of them end early."""
        self._timer_s = 0.0
        """When it rings."""
        self._is_paused = False
        self._loss: Exception | None = None

        # The response that is being read.
        self._head: ResponseHead | None = None
        self._left_bytes: int | None = 0
        """Of its body, not returned yet; ``None`` if its length is unknown."""
        self._chunks: Chunks | None = None

    def _go(self, state: ConnectionState) -> None:
        """Change the state. Raises: RuntimeError, for a way that is not drawn above."""
        if state not in self.state.following:
            raise RuntimeError(f"a connection cannot go from {self.state.name} to {state.name}")
        self.state = state

    @property
    def is_usable(self) -> bool:
        """Whether another request may be made."""
        return self.state is IDLE

    @property
    def has_received(self) -> bool:
        """Whether anything of the present response has come."""
        return self._filled > 0

    async def send_request(self, request: bytes, timeout_s: float) -> ResponseHead:
        """Send a request and return the head of its response.

        Raises: ConnectionLost; NotHttp; TimeoutError.
        """
        if self._transport is None or not self.is_usable:
            raise ConnectionLost
        self._go(HEADERS)
        self._head = None
        self._start, self._filled, self._limit = 0, 0, len(self._buffer)
        self._transport.write(request)
        deadline_s = self._loop.time() + timeout_s
        while True:
            while (stop := end_of_head(self._buffer, self._start, self._filled)) < 0:
                if self._filled >= MAX_HEAD_BYTES:
                    raise NotHttp(HEADERS_TOO_LONG)
                await self._wait_for_more(deadline_s)
            head = read_response_head(self._buffer[self._start : stop])
            self._start = stop
            if not head.is_interim:
                self._begin_body(head)
                return head

    def _begin_body(self, head: ResponseHead) -> None:
        if self.state is HEADERS:
            self._go(BODY)
        self._head, self._left_bytes = head, head.length
        self._chunks = Chunks() if head.is_chunked else None

    async def read(self, most_bytes: int, timeout_s: float, interval_s: float) -> memoryview:
        """Return the next bytes of the body, which are good until the next call; none at its end.

        Args:
            most_bytes: No more than these; the size of the buffer is another limit.
            timeout_s: The first of them is waited for so long.
            interval_s: They are collected for so long, unless there are enough before.
        Raises: ConnectionLost, if the connection breaks before the end; NotHttp; TimeoutError.
        """
        if self._left_bytes is None:
            return await self._read_unmeasured(min(most_bytes, self._buffer_bytes), timeout_s)
        wanted = min(most_bytes, self._buffer_bytes, self._left_bytes)
        came = self._filled - self._start
        # What came with the head goes first where there is no room behind it.
        if came < wanted and not (came and self._start + wanted >= len(self._buffer)):
            # One byte more than the body, to notice a host that sends too much.
            self._make_room(wanted + (wanted == self._left_bytes))
            await self._collect(wanted, timeout_s, interval_s)
        return self._take(min(wanted, self._filled - self._start))

    async def _collect(self, wanted: int, timeout_s: float, interval_s: float) -> None:
        began_s = self._loop.time()
        try:
            while self._filled - self._start < wanted:
                await self._wait_for_more(
                    began_s + min(interval_s, timeout_s), self._start + wanted
                )
        except TimeoutError:
            if self._filled == self._start:
                await self._wait_for_more(began_s + timeout_s)
        except ConnectionLost:
            # What came before the break comes first.
            if self._filled == self._start:
                raise

    async def _read_unmeasured(self, most_bytes: int, timeout_s: float) -> memoryview:
        """Read a body that is chunked, or ends with the connection."""
        deadline_s = self._loop.time() + timeout_s
        while True:
            try:
                if self._filled == self._start:
                    self._make_room(most_bytes)
                # The backlog of TLS comes at once, and the end may come right behind it.
                if self._filled == self._start:
                    await self._wait_for_more(deadline_s)
            except ConnectionLost:
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
            if data or self._chunks.is_ended:
                return memoryview(data)

    def take_received(self) -> memoryview:
        """Return what a cancelled :meth:`read` had received already; once."""
        if self._left_bytes is None:
            return self._view[:0]
        return self._take(min(self._left_bytes, self._filled - self._start))

    def _take(self, count: int) -> memoryview:
        taken = self._view[self._start : self._start + count]
        self._start += count
        self._left_bytes = (self._left_bytes or 0) - count
        return taken

    def _make_room(self, wanted: int) -> None:
        """Let the buffer be filled up to ``wanted`` unread bytes, which have room in it."""
        if self._start == self._filled:
            # All that was returned is done with.
            self._start = self._filled = 0
            if len(self._buffer) < wanted:
                self._buffer = bytearray(wanted)
                self._view = memoryview(self._buffer)
        self._limit = self._start + wanted
        if self._backlog:
            self._take_backlog()
        if not self._backlog:
            self._resume()

    def _take_backlog(self) -> None:
        count = min(self._limit - self._filled, len(self._backlog))
        self._view[self._filled : self._filled + count] = self._backlog[:count]
        self._filled += count
        del self._backlog[:count]

    async def _wait_for_more(self, deadline_s: float, wake_at: int | None = None) -> None:
        """Wait until bytes have come: any, or as many as fill the buffer up to ``wake_at``."""
        if self.state in _ENDED:
            raise ConnectionLost from self._loss
        self._wake_at = self._filled + 1 if wake_at is None else wake_at
        self._reader = self._loop.create_future()
        self._deadline_s = deadline_s
        if self._timer is None or self._timer_s > deadline_s:
            self._set_timer(deadline_s)
        try:
            await self._reader
        finally:
            self._reader = None

    def _set_timer(self, when_s: float) -> None:
        self._stop_timer()
        self._timer, self._timer_s = self._loop.call_at(when_s, self._ring), when_s

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        if self._reader is None or self._reader.done():
            return
        if self._deadline_s > self._timer_s:
            self._set_timer(self._deadline_s)
        else:
            self._reader.set_exception(TimeoutError())

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def finish(self) -> bool:
        """Be done with the response; return whether the connection can be used again.

        If it cannot, it is closed.
        """
        if self.state is BODY and self._is_read_to_its_end():
            self._go(IDLE)
            self._hold(MAX_HEAD_BYTES)
            self._start, self._filled, self._limit = 0, 0, len(self._buffer)
            self._resume()
            return True
        self.close()
        return False

    def _is_read_to_its_end(self) -> bool:
        """Return whether all of the response has come, and nothing behind it."""
        unread = self._filled - self._start
        is_whole = self._left_bytes is not None and self._left_bytes <= unread
        surplus = unread - (self._left_bytes or 0) + len(self._backlog)
        if self._chunks is not None and self._chunks.has_surplus:
            return False
        return is_whole and not surplus and self._head is not None and self._head.keeps_alive

    def close(self) -> None:
        """Close the connection; may be called twice."""
        if self.state is not CLOSED:
            self._go(CLOSED)
        self._stop_timer()
        if self._transport is not None:
            self._transport.abort()
        # Connection and transport know each other, and may stay until the next collection.
        self._limit = 0
        self._hold(0)

    def _hold(self, size_bytes: int) -> None:
        """Give the memory of a larger buffer back; nothing in it is needed any more."""
        if len(self._buffer) > size_bytes:
            self._buffer = bytearray(size_bytes)
            self._view = memoryview(self._buffer)

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
            # What came over it could not be held to where the other end is.
            self.close()
        else:
            self.zone = zone
            self._go(IDLE)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the place for the next bytes."""
        if self._filled < self._limit:
            return self._view[self._filled : self._limit]
        self._overflow = bytearray(max(sizehint, _OVERFLOW_BYTES))
        return memoryview(self._overflow)

    def buffer_updated(self, nbytes: int) -> None:
        """Take note of bytes that have been put there."""
        overflow, self._overflow = self._overflow, None
        if overflow is not None:
            self._backlog += overflow[:nbytes]
            return
        self._filled += nbytes
        if self.state not in _EXPECTING:
            # Nothing was requested.
            self.close()
        elif self._filled >= self._wake_at:
            self._wake()
        if self._filled == self._limit:
            self._pause()

    def eof_received(self) -> None:
        """Have the transport closed."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake the reader with the end."""
        self._loss = exc
        self._stop_timer()
        if self.state in _EXPECTING:
            self._go(DRAINING)
        elif self.state is not CLOSED:
            self._go(CLOSED)
        if self._reader is not None and not self._reader.done():
            lost = ConnectionLost()
            lost.__cause__ = exc
            self._reader.set_exception(lost)
