"""Decompression of archive members, bounded in memory and in size."""

from __future__ import annotations

import importlib
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

from asyncdl.transfer.verification.malformed import Malformed
from asyncdl.transfer.verification.tar import ByteSink

STORED, DEFLATED, BZIP2, LZMA, ZSTANDARD = 0, 8, 12, 14, 93
"""Compression methods of zip that can be read, if Python has them."""
METHOD_NAMES = {
    1: "Shrink", 6: "Implode", 9: "Deflate64", BZIP2: "bzip2", LZMA: "LZMA",
    ZSTANDARD: "Zstandard", 95: "XZ", 96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES",
}  # fmt: skip

PIECE_BYTES = 1 << 20
"""Decompressed bytes in memory at once."""
HARMLESS_BYTES = 1 << 30
"""An archive of any size may unpack to this."""
MAX_RATIO = 200
"""Beyond that, an archive may grow by this factor; rasters of one value come near it."""
_MAX_DICTIONARY_BYTES = 64 << 20

Decode: TypeAlias = Callable[[bytes | memoryview], Iterator[bytes]]


class Decoder(Protocol):
    """Decompresses bytes."""

    is_over: bool
    """Whether the compressed bytes have reached their own end."""
    unused_bytes: int
    """How many of the last bytes came after that end."""

    def decode(self, data: bytes | memoryview) -> Iterator[bytes | memoryview]:
        """Yield the next decompressed bytes, in pieces. Raises: Malformed."""


class Stored:
    """Returns bytes that are not compressed; they have no end of their own."""

    is_over = False
    unused_bytes = 0

    def decode(self, data: bytes | memoryview) -> Iterator[bytes | memoryview]:
        """Yield the bytes unchanged."""
        yield data


class Inflater:
    """Decompresses Deflate.

    Args:
        wbits: As for zlib: -15 for raw data, 31 for gzip.
    """

    def __init__(self, wbits: int = -zlib.MAX_WBITS) -> None:
        self.is_over = False
        self.unused_bytes = 0
        self._zlib = zlib.decompressobj(wbits)

    def decode(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield the next decompressed bytes. Raises: Malformed."""
        rest: bytes | memoryview = data
        while not self.is_over:
            try:
                piece = self._zlib.decompress(rest, PIECE_BYTES)
            except zlib.error as error:
                raise Malformed(f"invalid compressed data: {error}") from error
            if piece:
                yield piece
            rest, self.is_over = self._zlib.unconsumed_tail, self._zlib.eof
            if not rest and len(piece) < PIECE_BYTES:
                break
        self.unused_bytes = len(self._zlib.unused_data)


class Decompressor:
    """Decompresses with one of the standard library's other modules, which are all alike."""

    def __init__(self, decompressor: Any, error: tuple[type[Exception], ...]) -> None:
        self.is_over = False
        self.unused_bytes = 0
        self._decompressor = decompressor
        self._errors = error

    def decode(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield the next decompressed bytes. Raises: Malformed."""
        rest = bytes(data)
        while not self.is_over:
            try:
                piece = self._decompressor.decompress(rest, PIECE_BYTES)
            except self._errors as error:
                raise Malformed(f"invalid compressed data: {error}") from error
            if piece:
                yield piece
            rest, self.is_over = b"", self._decompressor.eof
            if self.is_over or self._decompressor.needs_input:
                break
        if self.is_over:
            self.unused_bytes = len(self._decompressor.unused_data)


class LzmaOfZip:
    """Decompresses LZMA with the header that zip puts before it.

    Source: APPNOTE.TXT 5.8.8.
    """

    def __init__(self) -> None:
        self.is_over = False
        self.unused_bytes = 0
        self._head = b""
        self._inner: Decompressor | None = None

    def decode(self, data: bytes | memoryview) -> Iterator[bytes]:
        """Yield the next decompressed bytes. Raises: Malformed."""
        if self._inner is None:
            self._head += bytes(data)
            if len(self._head) < 9:
                return
            data, self._inner = self._head[9:], _lzma_decompressor(self._head[:9])
        yield from self._inner.decode(data)
        self.is_over, self.unused_bytes = self._inner.is_over, self._inner.unused_bytes


def _lzma_decompressor(head: bytes) -> Decompressor:
    import lzma  # an optional part of Python, checked by can_decode

    length, packed, dictionary_bytes = struct.unpack("<2xHBI", head)
    if length != 5 or packed >= 9 * 5 * 5 or dictionary_bytes > _MAX_DICTIONARY_BYTES:
        raise Malformed("LZMA data with an invalid header, or one that needs too much memory")
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
        raise Malformed(f"LZMA data with an invalid header: {error}") from error
    return Decompressor(inner, (lzma.LZMAError, EOFError))


_MODULES = {BZIP2: "bz2", LZMA: "lzma", ZSTANDARD: "compression.zstd"}


def can_decode(method: int) -> bool:
    """Return whether this Python can read a compression method of zip."""
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
    """Return a decoder for one member.

    Args:
        method: A method for which :func:`can_decode` is true.
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
    """How many bytes an archive's reader has read, and how many it has unpacked."""

    def __init__(self) -> None:
        self.in_bytes = 0
        self._out_bytes = 0

    def add(self, count: int) -> None:
        """Count unpacked bytes. Raises: Malformed, for a decompression bomb."""
        self._out_bytes += count
        if self._out_bytes > max(HARMLESS_BYTES, MAX_RATIO * self.in_bytes):
            raise Malformed(f"it unpacks to more than {MAX_RATIO} times its size")


class MemberContent:
    """The bytes of one member: decoded, counted, checked and passed on.

    Args:
        decoder: For its method.
        sinks: Receive the bytes.
        growth: Of the whole archive.
        size_bytes: Its unpacked length, if known.
    """

    def __init__(
        self, decoder: Decoder, sinks: Sequence[ByteSink], growth: Growth, size_bytes: int | None
    ) -> None:
        self.in_bytes = 0
        self.out_bytes = 0
        self.crc = 0
        self._decoder = decoder
        self._sinks = sinks
        self._growth = growth
        self._size_bytes = size_bytes

    @property
    def is_over(self) -> bool:
        """Whether its compressed bytes have reached their own end."""
        return self._decoder.is_over

    def take(self, data: memoryview) -> int:
        """Decode the next bytes; return how many of them belong to it. Raises: Malformed."""
        if self._decoder.is_over:
            return 0
        for piece in self._decoder.decode(data):
            self._pass_on(piece)
        used = len(data) - self._decoder.unused_bytes
        self.in_bytes += used
        return used

    def _pass_on(self, piece: bytes | memoryview) -> None:
        self.out_bytes += len(piece)
        self._growth.add(len(piece))
        if self._size_bytes is not None and self.out_bytes > self._size_bytes:
            raise Malformed("a member that is longer than its header says")
        self.crc = zlib.crc32(piece, self.crc)
        for sink in self._sinks:
            sink.update(piece)
