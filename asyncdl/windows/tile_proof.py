"""Whether a tile is what it has to be, by all that its compression lets one see.

A tile has no digest of its own. Deflate and xz end in a checksum of what they hold; the others
have a length to meet when they are decoded. What is decoded for it is counted and thrown away,
never held, and never more than the tile has pixels for.

Source: TIFF 6.0, sections 9 and 13; RFC 1950; RFC 8878; the registered compressions of libtiff.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable
from enum import StrEnum

from asyncdl.windows.decoded_length import CHUNK_BYTES, check_not_beyond, count_decoded
from asyncdl.windows.gdal_layout import leader_of, trailer_of
from asyncdl.windows.jpeg_shape import jpeg_shape
from asyncdl.windows.lzw_length import lzw_length
from asyncdl.windows.tiff_structure import TiledImage
from asyncdl.windows.window_errors import DamagedTile
from asyncdl.windows.zstd_frames import zstd_length

NONE, LZW, JPEG, DEFLATE, OLD_DEFLATE = 1, 5, 7, 8, 32946
PACKBITS, LZMA, ZSTD, WEBP = 32773, 34925, 50000, 50001
_LZMA_MEMORY_BYTES = 1 << 27
"""The strongest level asks for 65 MiB to decode."""


class TileEvidence(StrEnum):
    """How sure it is that a tile is right, from the surest on."""

    CHECKSUM = "checksum"
    """A checksum of its pixels agrees."""
    DECODED = "decoded"
    """It decodes to exactly as many bytes as it has to; other pixels would go unseen."""
    SHAPE = "shape"
    """It begins, ends and is divided as its compression asks for."""
    LENGTH = "length"
    """It is as long as the file says."""


def check_tile(
    image: TiledImage, row: int, data: bytes, *, before: bytes = b"", behind: bytes = b""
) -> TileEvidence:
    """Check one tile.

    Args:
        image: What it belongs to.
        row: Its row of tiles, counted from 0 in the image that the file has.
        data: Its bytes, without a frame.
        before: The four bytes before it, and
        behind: those after it, if the file declares a frame.
    Returns: What the check rests on.
    Raises: DamagedTile.
    """
    check = _CHECKS.get(image.compression)
    evidence = check(data, image.decoded_bytes(row), image) if check else TileEvidence.LENGTH
    if evidence in (TileEvidence.CHECKSUM, TileEvidence.DECODED):
        return evidence  # whatever the frame says: the pixels are right
    if before or behind:
        _check_frame(data, before, behind)
    return evidence


def _check_frame(data: bytes, before: bytes, behind: bytes) -> None:
    if before != leader_of(len(data)) or not behind.startswith(trailer_of(data)):
        raise DamagedTile("a tile's length or last bytes are not those that its frame repeats")


# --- by compression ---------------------------------------------------------------------------

_Check = Callable[[bytes, int | None, TiledImage], TileEvidence]


def _plain(data: bytes, expected: int | None, _: TiledImage) -> TileEvidence:
    if expected is not None and len(data) < expected:
        raise DamagedTile(f"a tile of {len(data)} bytes, where {expected} are needed")
    return TileEvidence.LENGTH


def _deflate(data: bytes, expected: int | None, _: TiledImage) -> TileEvidence:
    inflater = zlib.decompressobj()
    count, rest = 0, data
    try:
        while not inflater.eof:
            chunk = inflater.decompress(rest, CHUNK_BYTES)
            count, rest = count + len(chunk), inflater.unconsumed_tail
            if not (chunk or rest or inflater.eof):
                raise DamagedTile("a tile ends in the middle of its deflate stream")
            check_not_beyond(count, expected)
    except zlib.error as problem:
        raise DamagedTile(f"a tile is no whole deflate stream: {problem}") from None
    _check_length(count, expected)
    return TileEvidence.CHECKSUM


def _lzma(data: bytes, expected: int | None, _: TiledImage) -> TileEvidence:
    decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, _LZMA_MEMORY_BYTES)
    try:
        count = count_decoded(decoder, data, expected, "its xz stream")
    except lzma.LZMAError as problem:
        raise DamagedTile(f"a tile is no whole xz stream: {problem}") from None
    _check_length(count, expected)
    return TileEvidence.DECODED if decoder.check == lzma.CHECK_NONE else TileEvidence.CHECKSUM


def _lzw(data: bytes, expected: int | None, _: TiledImage) -> TileEvidence:
    # Writers before TIFF 6.0 had the bits of each byte the other way round.
    is_old = data[:1] == b"\0" and len(data) > 1 and data[1] & 1
    if expected is None or is_old:
        return TileEvidence.LENGTH
    _check_length(lzw_length(data, expected), expected)
    return TileEvidence.DECODED


def _packbits(data: bytes, expected: int | None, _: TiledImage) -> TileEvidence:
    count, at = 0, 0
    while at < len(data) and (expected is None or count < expected):
        code = data[at]
        if code < 128:
            at, count = at + 2 + code, count + 1 + code
        else:
            at, count = (at + 1, count) if code == 128 else (at + 2, count + 257 - code)
    if at > len(data):
        raise DamagedTile("a tile ends in the middle of a run of bytes")
    _check_length(count, expected)
    return TileEvidence.DECODED if expected is not None else TileEvidence.LENGTH


def _zstd(data: bytes, expected: int | None, _: TiledImage) -> TileEvidence:
    found = zstd_length(data, expected)
    if found.length is not None:
        _check_length(found.length, expected)
    if not found.is_decoded:
        return TileEvidence.SHAPE
    return TileEvidence.CHECKSUM if found.has_checksum else TileEvidence.DECODED


def _jpeg(data: bytes, _expected: int | None, image: TiledImage) -> TileEvidence:
    shape = jpeg_shape(data)
    if shape is None:
        raise DamagedTile("a tile is no whole JPEG stream")
    # The last of several strips has fewer rows.
    if shape[0] < image.tile_width or shape[1] > image.tile_height:
        raise DamagedTile(f"a tile of {shape[0]} by {shape[1]} pixels, by its JPEG stream")
    return TileEvidence.SHAPE


def _webp(data: bytes, _expected: int | None, _: TiledImage) -> TileEvidence:
    size_bytes = int.from_bytes(data[4:8], "little") + 8
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or size_bytes > len(data):
        raise DamagedTile("a tile is no whole WebP stream")
    return TileEvidence.SHAPE


_CHECKS: dict[int, _Check] = {
    NONE: _plain,
    LZW: _lzw,
    JPEG: _jpeg,
    DEFLATE: _deflate,
    OLD_DEFLATE: _deflate,
    PACKBITS: _packbits,
    LZMA: _lzma,
    ZSTD: _zstd,
    WEBP: _webp,
}


def _check_length(count: int, expected: int | None) -> None:
    if expected is not None and count != expected:
        raise DamagedTile(f"a tile decodes to {count} bytes, where {expected} are needed")
