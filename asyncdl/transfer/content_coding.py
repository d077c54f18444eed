"""Bodies that come compressed although they were requested uncompressed. Pure.

The rule, if a response has ``Content-Encoding: gzip`` although ``identity`` was requested:

1. A file that is gzip by its name is stored as it is sent.
2. So is a body of exactly the length that the caller expects.
3. Otherwise the body is decoded while it arrives, whole and over one connection. The decoded file
   is what is stored, counted and verified. Length, ranges, digests and ``ETag`` of the response
   are those of the coded body and prove nothing about it. That the file is whole is shown by the
   end of the coded body and of gzip itself (RFC 1952).
4. Any other coding is refused.
"""

from __future__ import annotations

import zlib
from enum import Enum

from asyncdl.errors import WrongContent
from asyncdl.transfer.responses import CODED, Head, RangeRequest, is_whole
from asyncdl.transfer.verification.structure import Form

CODINGS = frozenset({"gzip", "x-gzip"})
"""Names of the one coding that is decoded."""
SUFFIXES = (".gz", ".tgz", ".taz", ".svgz", ".bgz", ".emz", ".wmz")
"""Of files that are themselves compressed."""
MAX_BYTES = 256 * 1024
"""Decoded at once, however well it was compressed."""

_MAY_BE_GZIP = frozenset({Form.GZIP, Form.ARCHIVE})
"""Forms whose own bytes hosts mark as a coding by mistake."""
_WITH_HEADER = 16 + zlib.MAX_WBITS


class Coding(Enum):
    """What to do with a body."""

    NONE = "its bytes are those of the file"
    DECODE = "decode it on its way"
    USELESS = "a part of a coded body"


def coding_of(
    head: Head,
    range_request: RangeRequest,
    *,
    name: str,
    form: Form,
    size_bytes: int | None,
    url: str,
) -> Coding:
    """Decide what to do with the body of a response.

    Args:
        head: Its status and headers.
        range_request: What was requested.
        name: Of the file.
        form: What the bytes of the file must look like.
        size_bytes: Length that the caller expects, if known.
        url: Where the response came from.
    Raises: WrongContent with reason :data:`CODED`, for a coding that is refused.
    """
    is_gzip = form in _MAY_BE_GZIP or name.lower().endswith(SUFFIXES)
    is_own = is_gzip or size_bytes == head.length is not None
    if not head.coding or (head.coding in CODINGS and is_own):
        return Coding.NONE
    if head.coding not in CODINGS or (head.status == 206 and not range_request.is_ranged):
        detail = f"the host insists on {head.coding}"
        raise WrongContent(url, detail, reason=CODED, retryable=False)
    return Coding.USELESS if head.status == 206 and not is_whole(head) else Coding.DECODE


class NotGzip(Exception):
    """The body is not what its coding says, or it ends too early."""


class Gunzip:
    """Takes a coded body in pieces and returns the decoded bytes, in bounded pieces."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_WITH_HEADER)
        self._waiting = b""
        self._is_begun = False

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the body."""
        self._waiting += data

    def take(self) -> bytes:
        """Return what can be decoded so far, at most :data:`MAX_BYTES`; empty if nothing can.

        Raises: NotGzip.
        """
        while self._waiting:
            if self._inflate.eof and not self._begin_next():
                break
            self._is_begun = True
            try:
                decoded = self._inflate.decompress(self._waiting, MAX_BYTES)
            except zlib.error as error:
                raise NotGzip("its compression is broken") from error
            self._waiting = self._inflate.unconsumed_tail or self._inflate.unused_data
            if decoded:
                return decoded
        return b""

    def _begin_next(self) -> bool:
        """Start the next gzip member; zeros that fill the last block are skipped."""
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
