"""Contents of a known size that can be read at any offset: bytes, tars, and their digests."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

_BLOCK = 512
_END_BLOCKS = 2
"""A tar ends with two blocks of zeros."""
_VALUE = re.compile(rb"(?: = |>)([^<\n]*+)")
"""A field's value, in the text and the XML form of metadata."""
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))


class SizedContent(Protocol):
    """Content of a known size that can be read at any offset."""

    size: int

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of a half-open range that lies within the content."""

    def harmless_byte(self, start: int, stop: int, where: float) -> int | None:
        """Return the offset of a byte that can be changed without breaking the file format.

        Args:
            start, stop: The half-open range to search.
            where: 0 selects the first such byte, nearly 1 the last.
        Returns: ``None`` if the range has no such byte. Its lowest bit is the one to flip.
        """


class Blob:
    """Content held in memory."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self._data = data

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of the half-open range."""
        return self._data[start:stop]

    def harmless_byte(self, start: int, stop: int, where: float) -> int | None:
        """Return the offset of a digit in the value of some field."""
        ends = ((m.start(1), len(m[1].rstrip(_NO_DIGITS))) for m in _VALUE.finditer(self._data))
        spots = [at + size - 1 for at, size in ends if size and start <= at + size - 1 < stop]
        return spots[int(where * len(spots))] if spots else None


class Flipped:
    """A content with one wrong bit.

    Args:
        content: The right content.
        spot: Offset of the byte whose lowest bit is wrong.
    """

    def __init__(self, content: SizedContent, spot: int) -> None:
        self.size = content.size
        self._content = content
        self._spot = spot

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of the half-open range, the wrong one among them."""
        data = bytearray(self._content.read(start, stop))
        if start <= self._spot < stop:
            data[self._spot - start] ^= 1
        return bytes(data)

    def harmless_byte(self, start: int, stop: int, where: float) -> int | None:
        """Return that of the content."""
        return self._content.harmless_byte(start, stop, where)


class Bundle:
    """An uncompressed tar.

    Args:
        members: Names and contents, in the order they stand in the tar.
        mtime: Modification time in every header, seconds since 1970. Another one
            makes another tar of the same length.
    """

    def __init__(self, members: Sequence[tuple[str, SizedContent]], mtime: int = 0) -> None:
        self._parts: list[SizedContent] = []
        self._starts: list[int] = []
        self._rasters: list[tuple[int, SizedContent]] = []
        self.size = 0
        for name, content in members:
            self._append(Blob(_header(name, content.size, mtime)))
            if name.endswith((".TIF", ".tif")):
                self._rasters.append((self.size, content))
            self._append(content)
            self._append(Blob(bytes(-content.size % _BLOCK)))
        self._append(Blob(bytes(_END_BLOCKS * _BLOCK)))

    def _append(self, part: SizedContent) -> None:
        if part.size:
            self._starts.append(self.size)
            self._parts.append(part)
            self.size += part.size

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes of the half-open range."""
        pieces = []
        index = bisect_right(self._starts, start) - 1
        while start < stop:
            part, offset = self._parts[index], self._starts[index]
            end = min(stop, offset + part.size)
            pieces.append(part.read(start - offset, end - offset))
            start, index = end, index + 1
        return b"".join(pieces)

    def harmless_byte(self, start: int, stop: int, where: float) -> int | None:
        """Return the offset of a pixel of some member."""
        spots = [
            offset + spot
            for offset, raster in self._rasters
            if (spot := raster.harmless_byte(start - offset, stop - offset, where)) is not None
        ]
        return spots[int(where * len(spots))] if spots else None


def _header(name: str, size_bytes: int, mtime: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size_bytes, mtime, 0o644
    return info.tobuf(tarfile.USTAR_FORMAT)


def read_all(content: SizedContent) -> bytes:
    """Return all bytes of a content."""
    return content.read(0, content.size)


def smallest_jpeg(comment: str = "") -> bytes:
    """Return a valid grey JPEG of one block, for thumbnails and browse images.

    Args:
        comment: Written into the file, so that two images can differ.
    """
    out = io.BytesIO()
    out.write(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
    if comment:
        text = comment.encode()
        out.write(b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text)
    out.write(b"\xff\xdb\x00\x43\x00" + bytes([16] * 64))
    out.write(b"\xff\xc0\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00")
    # One Huffman table for DC and one for AC, each with the single code 0 for the symbol 0.
    one_code = b"\x01" + bytes(15) + b"\x00"
    out.write(b"\xff\xc4\x00\x14\x00" + one_code + b"\xff\xc4\x00\x14\x10" + one_code)
    out.write(b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x3f" + b"\xff\xd9")
    return out.getvalue()


_CHUNK_BYTES = 256 * 1024
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_ALL_ONES = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Digests:
    """The digests of one file."""

    cksum: int
    """As the POSIX tool ``cksum`` prints it."""
    sha256: str
    """Hex."""
    sha512: str
    """Hex."""

    @property
    def multihash(self) -> str:
        """The SHA-512 in the form of ``file:checksum`` in a STAC item."""
        return "1340" + self.sha512


def digest(content: SizedContent) -> Digests:
    """Read a content once and return its digests."""
    sha256, sha512, crc = hashlib.sha256(), hashlib.sha512(), PosixCrc()
    for start in range(0, content.size, _CHUNK_BYTES):
        chunk = content.read(start, min(start + _CHUNK_BYTES, content.size))
        sha256.update(chunk)
        sha512.update(chunk)
        crc.update(chunk)
    return Digests(crc.value(content.size), sha256.hexdigest(), sha512.hexdigest())


class PosixCrc:
    """The CRC of ``cksum``, at the speed of zlib.

    Both use the same polynomial, but zlib takes the bits of each byte in the
    opposite order; so bytes are mirrored on the way in and the sum on the way out.

    Source: POSIX.1-2017, cksum.
    """

    def __init__(self) -> None:
        # zlib starts from all ones and inverts; this makes its register begin at zero.
        self._crc = _ALL_ONES

    def update(self, chunk: bytes) -> None:
        """Add more bytes."""
        self._crc = zlib.crc32(chunk.translate(_MIRRORED), self._crc)

    def value(self, size_bytes: int) -> int:
        """Return the sum over all bytes so far, of which there are ``size_bytes``."""
        length = size_bytes.to_bytes((size_bytes.bit_length() + 7) // 8, "little")
        register = zlib.crc32(length.translate(_MIRRORED), self._crc) ^ _ALL_ONES
        return int(f"{register:032b}"[::-1], 2) ^ _ALL_ONES
