"""Undoes the compression of a body that was asked for without. Pure.

The rule, where ``Content-Encoding: gzip`` comes although ``identity`` was asked for:

1. What is a gzip file by its name is stored as it is on the wire.
2. So is a body of just the length that the caller promised.
3. Else the body is decoded while it comes, whole and over one connection. What is stored,
   counted and checked is the decoded file. The length, the ranges, the digests and the
   ``ETag`` of the response are those of the coded body, and prove nothing of it; that it is
   whole is known by the ends of the coded body and of gzip itself (RFC 1952).
4. Any other coding is refused.
"""

from __future__ import annotations

import zlib

CODINGS = frozenset({"gzip", "x-gzip"})
"""Names of the one coding that is undone."""
SUFFIXES = (".gz", ".tgz", ".taz", ".svgz", ".bgz", ".emz", ".wmz")
"""Of files that are compressed by themselves."""
MOST_BYTES = 256 * 1024
"""Decoded at once, however well it was compressed."""

_WITH_HEADER = 16 + zlib.MAX_WBITS


class NotGzip(Exception):
    """The body is not what its coding says, or it ends too early."""


class Gunzip:
    """Takes a body in pieces and gives what they decode to, in bounded pieces."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_WITH_HEADER)
        self._waiting = b""
        self._is_begun = False

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the body."""
        self._waiting += data

    def take(self) -> bytes:
        """Return what can be decoded so far, :data:`MOST_BYTES` at most; empty if nothing can.

        Raises: NotGzip.
        """
        while self._waiting:
            if self._inflate.eof and not self._begin_next():
                break
            self._is_begun = True
            try:
                decoded = self._inflate.decompress(self._waiting, MOST_BYTES)
            except zlib.error as error:
                raise NotGzip("its compression is broken") from error
            self._waiting = self._inflate.unconsumed_tail or self._inflate.unused_data
            if decoded:
                return decoded
        return b""

    def _begin_next(self) -> bool:
        """Go on with the next member; what fills the last block is zeros."""
        self._waiting = self._waiting.lstrip(b"\0")
        if self._waiting:
            self._inflate = zlib.decompressobj(_WITH_HEADER)
        return bool(self._waiting)

    def check_end(self) -> None:
        """Check that the body may end here.

        Raises: NotGzip.
        """
        if self._is_begun and not self._inflate.eof:
            raise NotGzip("its compressed body was cut short")
