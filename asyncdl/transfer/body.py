"""The body of an answer, piece by piece, whichever way it is read."""

from __future__ import annotations

from aiohttp import ClientError, ClientResponse

from asyncdl.transfer.limits import Limits
from asyncdl.transfer.receiver import Receiver, take_over


class Body:
    """Reads a body: directly where that is possible and worth it, else the public way.

    Both ways give the same bytes and end alike; the tests run over both.

    Args:
        response: Its head has been read.
        limits: ``direct_from_bytes`` chooses the way; sizes of buffers and the
            patience with bytes that trickle.
    """

    def __init__(self, response: ClientResponse, limits: Limits) -> None:
        self._response = response
        self._limits = limits
        self._receiver: Receiver | None = None
        self._is_begun = False

    def read_nowait(self) -> bytes:
        """Return what came along with the head, if it is the whole body; else none."""
        content = self._response.content
        return content.read_nowait() if content.is_eof() and not content.exception() else b""

    async def read(self, most_bytes: int) -> bytes | memoryview:
        """Return the next bytes; none at the end. They are good until the next call.

        Args:
            most_bytes: About so many at most.
        Raises: ClientError or OSError, if the connection breaks before the end;
            what came until then is returned first.
        """
        if not self._is_begun:
            self._is_begun = True
            limits = self._limits
            first, self._receiver = take_over(
                self._response, limits.direct_from_bytes, limits.write_bytes
            )
            if first:
                return first
        if self._receiver is not None:
            return await self._receiver.read(most_bytes, self._limits.flush_interval_s)
        return await self._read_publicly(most_bytes)

    def rest(self) -> bytes | memoryview:
        """Return what a cancelled :meth:`read` had received already."""
        return self._receiver.rest() if self._receiver is not None else b""

    async def _read_publicly(self, most_bytes: int) -> bytes:
        content = self._response.content
        try:
            if most_bytes < self._limits.read_buffer_bytes:
                return await content.read(most_bytes)
            return await content.readany()
        except (ClientError, OSError):
            # aiohttp tells of the break ahead of the bytes that came before
            # it. They are good, and on a bad link they are all there is.
            if rest := content._read_nowait(-1):
                return rest
            raise
