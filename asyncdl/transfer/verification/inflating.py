"""What stands compressed in an archive, as the bytes that it was: bounded in memory and in size."""

from __future__ import annotations

import importlib
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

from asyncdl.transfer.verification.malformed import Malformed
from asyncdl.transfer.verification.tar import ByteSink

STORED, DEFLATED, BZIP2, LZMA, ZSTANDARD = 0, 8, 12, 14, 93
"""Methods of zip that can be read, where Python has them."""
METHOD_NAMES = {
    1: "Shrink", 6: "Implode", 9: "Deflate64", BZIP2: "bzip2", LZMA: "LZMA",
    ZSTANDARD: "Zstandard", 95: "XZ", 96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES",
}  # fmt: skip

PIECE_BYTES = 1 << 20
"""What is in memory at once of what comes out."""
HARMLESS_BYTES = 1 << 30
"""So much may come out of an archive of any size."""
MOST_RATIO = 200
"""Beyond that an archive may grow by this factor; rasters of one value come near it."""
_LARGEST_DICTIONARY_BYTES = 64 << 20

Decode: TypeAlias = Callable[[bytes | memoryview], Iterator[bytes]]


class Decoder(Protocol):
    """Turns compressed bytes into what they were."""

    is_over: bool
    """Whether the compressed bytes have come to their own end."""
    unused_bytes: int
    """How many of the last bytes were behind that end."""

    def decode(self, data: bytes | memoryview) -> Iterator[bytes | memoryview]:
        """Yield what comes of the next bytes, in pieces. Raises: Malformed."""


class Stored:
    """Bytes that are not compressed; they have no end of their own."""

    is_over = False
    unused_bytes = 0

    def decode(self, data: bytes | memoryview) -> Iterator[bytes | memoryview]:
        """Yield them as they are."""
        yield data


class Inflater:
    """What zlib compressed.

    Args:
        wbits: As zlib wants it; -15 for bare data, 31 for gzip.
    """

    def __init__(self, wbits: int = -zlib.MAX_WBITS) -> None:
        self.is_over = False
        self.unused_bytes = 0
        self._zlib = zlib.decompressobj(wbits)

    def decode(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield what comes of the next bytes. Raises: Malformed."""
        rest: bytes | memoryview = data
        while not self.is_over:
            try:
                piece = self._zlib.decompress(rest, PIECE_BYTES)
            except zlib.error as error:
                raise Malformed(f"compressed data that is none: {error}") from error
            if piece:
                yield piece
            rest, self.is_over = self._zlib.unconsumed_tail, self._zlib.eof
            if not rest and len(piece) < PIECE_BYTES:
                break
        self.unused_bytes = len(self._zlib.unused_data)


class Decompressor:
    """What the standard library's other modules compressed; all have the same face."""

    def __init__(self, decompressor: Any, error: tuple[type[Exception], ...]) -> None:
        self.is_over = False
        self.unused_bytes = 0
        self._decompressor = decompressor
        self._errors = error

    def decode(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield what comes of the next bytes. Raises: Malformed."""
        rest = bytes(data)
        while not self.is_over:
            try:
                piece = self._decompressor.decompress(rest, PIECE_BYTES)
            except self._errors as error:
                raise Malformed(f"compressed data that is none: {error}") from error
            if piece:
                yield piece
            rest, self.is_over = b"", self._decompressor.eof
            if self.is_over or self._decompressor.needs_input:
                break
        if self.is_over:
            self.unused_bytes = len(self._decompressor.unused_data)


class LzmaOfZip:
    """LZMA with the header that zip puts in front of it.

    Source: APPNOTE.TXT 5.8.8.
    """

    def __init__(self) -> None:
        self.is_over = False
        self.unused_bytes = 0
        self._head = b""
        self._inner: Decompressor | None = None

    def decode(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield what comes of the next bytes. Raises: Malformed."""
        if self._inner is None:
            self._head += bytes(data)
            if len(self._head) < 9:
                return
            data, self._inner = self._head[9:], _lzma_decompressor(self._head[:9])
        yield from self._inner.decode(data)
        self.is_over, self.unused_bytes = self._inner.is_over, self._inner.unused_bytes


def _lzma_decompressor(head: bytes) -> Decompressor:
    import lzma  # an optional part of Python; can_decode has looked for it

    length, packed, dictionary_bytes = struct.unpack("<2xHBI", head)
    if length != 5 or packed >= 9 * 5 * 5 or dictionary_bytes > _LARGEST_DICTIONARY_BYTES:
        raise Malformed("LZMA data with a header that is none, or wants too much memory")
    own_filter = {
        "id": lzma.FILTER_LZMA1,
        "lc": packed % 9,
        "lp": packed // 9 % 5,
        "pb": packed // 45,
        "dict_size": max(dictionary_bytes, 4096),
    }
    try:
        inner = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[own_filter])
    except lzma.LZMAError as error:
        raise Malformed(f"LZMA data with a header that is none: {error}") from error
    return Decompressor(inner, (lzma.LZMAError, EOFError))


_MODULES = {BZIP2: "bz2", LZMA: "lzma", ZSTANDARD: "compression.zstd"}


def can_decode(method: int) -> bool:
    """Tell whether this Python reads what a method of zip has compressed."""
    if method in (STORED, DEFLATED):
        return True
    if method not in _MODULES:
        return False
    try:
        importlib.import_module(_MODULES[method])
    except ImportError:
        return False
    return True


def decoder_for(method: int) -> Decoder:
    """Return what reads the bytes of one member.

    Args:
        method: Of zip; one that :func:`can_decode` knows.
    """
    match method:
        case 0:
            return Stored()
        case 8:
            return Inflater()
        case 14:
            return LzmaOfZip()
    module = importlib.import_module(_MODULES[method])
    if method == BZIP2:
        return Decompressor(module.BZ2Decompressor(), (OSError, EOFError, ValueError))
    return Decompressor(module.ZstdDecompressor(), (module.ZstdError, EOFError))


class Growth:
    """How much has gone into an archive's reader, and how much has come out of it."""

    def __init__(self) -> None:
        self.in_bytes = 0
        self._out_bytes = 0

    def add(self, count: int) -> None:
        """Count bytes that came out. Raises: Malformed, when it is a bomb."""
        self._out_bytes += count
        if self._out_bytes > max(HARMLESS_BYTES, MOST_RATIO * self.in_bytes):
            raise Malformed(f"it unpacks to more than {MOST_RATIO} times its size")


class MemberContent:
    """The bytes of one member: decoded, counted, summed up and handed out.

    Args:
        decoder: For its method.
        takers: Who takes them.
        growth: Of the whole archive.
        size_bytes: What has to come out, where that is known.
    """

    def __init__(
        self, decoder: Decoder, takers: Sequence[ByteSink], growth: Growth, size_bytes: int | None
    ) -> None:
        self.in_bytes = 0
        self.out_bytes = 0
        self.crc = 0
        self._decoder = decoder
        self._takers = takers
        self._growth = growth
        self._size_bytes = size_bytes

    @property
    def is_over(self) -> bool:
        """Whether its compressed bytes have come to their own end."""
        return self._decoder.is_over

    def take(self, data: memoryview) -> int:
        """Take the next bytes; return how many of them belong to it. Raises: Malformed."""
        if self._decoder.is_over:
            return 0
        for piece in self._decoder.decode(data):
            self._hand_out(piece)
        used = len(data) - self._decoder.unused_bytes
        self.in_bytes += used
        return used

    def _hand_out(self, piece: bytes | memoryview) -> None:
        self.out_bytes += len(piece)
        self._growth.add(len(piece))
        if self._size_bytes is not None and self.out_bytes > self._size_bytes:
            raise Malformed("a member that is longer than it says")
        self.crc = zlib.crc32(piece, self.crc)
        for taker in self._takers:
            taker.update(piece)
