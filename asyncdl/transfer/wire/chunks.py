"""Chunked bodies: removes the framing and finds the end. Pure."""

from __future__ import annotations

import re

from asyncdl.net.faults import BAD_CHUNK_END, BAD_CHUNK_SIZE, MAX_HEAD_BYTES
from asyncdl.transfer.wire.heads import NotHttp

_MOST_LINE_BYTES = 8 * 1024
_SIZE = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r?\n", re.DOTALL)


class Chunks:
    """Decodes a chunked body that is fed in pieces of any size.

    Source: RFC 9112, section 7.1.
    """

    def __init__(self) -> None:
        self.is_ended = False
        """Whether the last chunk and all that follows it has come."""
        self.has_surplus = False
        """Whether bytes came behind the end of the body."""
        self._raw = bytearray()
        """Received, and not decoded yet."""
        self._left_bytes = 0
        """Of the present chunk, still to come."""
        self._is_within = False
        """Whether a chunk has begun whose line end is still to come."""
        self._trailer_bytes = 0
        self._is_in_trailer = False

    def feed(self, data: bytes | bytearray | memoryview) -> bytes:
        """Take the next bytes as they were sent; return the decoded ones.

        Raises: NotHttp.
        """
        self._raw += data
        parts = []
        while not self.is_ended and self._raw:
            if self._left_bytes:
                parts.append(self._take_data())
                continue
            line = self._take_line()
            if line is None:
                break
            self._read_line(line)
        if self.is_ended:
            self.has_surplus = bool(self._raw)
        return b"".join(parts)

    def _take_data(self) -> bytes:
        taken = bytes(self._raw[: self._left_bytes])
        del self._raw[: len(taken)]
        self._left_bytes -= len(taken)
        return taken

    def _take_line(self) -> bytes | None:
        stop = self._raw.find(b"\n") + 1
        if max(stop, len(self._raw) if not stop else 0) > _MOST_LINE_BYTES:
            raise NotHttp(BAD_CHUNK_SIZE)
        if not stop:
            return None
        line = bytes(self._raw[:stop])
        del self._raw[:stop]
        return line

    def _read_line(self, line: bytes) -> None:
        if self._is_in_trailer:
            self._trailer_bytes += len(line)
            if self._trailer_bytes > MAX_HEAD_BYTES:
                raise NotHttp("trailers exceed 64 KiB")
            self.is_ended = not line.strip(b"\r\n")
        elif self._is_within:
            if line.strip(b"\r\n"):
                raise NotHttp(BAD_CHUNK_END)
            self._is_within = False
        else:
            match = _SIZE.fullmatch(line)
            if match is None:
                raise NotHttp(BAD_CHUNK_SIZE)
            self._left_bytes = int(match[1], 16)
            self._is_in_trailer = self._left_bytes == 0
            self._is_within = not self._is_in_trailer
