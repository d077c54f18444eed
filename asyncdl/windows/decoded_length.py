"""How many bytes a compressed tile decodes to, never holding more than a chunk of them. Pure."""

from __future__ import annotations

from typing import Protocol

from asyncdl.windows.tiff_structure import LARGEST_TILE_BYTES
from asyncdl.windows.window_errors import DamagedTile

CHUNK_BYTES = 1 << 16
"""Decoded at a time."""


class StreamDecoder(Protocol):
    """What decoders of the standard library have in common, but for zlib's."""

    @property
    def eof(self) -> bool:
        """Whether the stream is over."""

    @property
    def needs_input(self) -> bool:
        """Whether all that was given is decoded."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Return at most so many bytes more."""


def count_decoded(decoder: StreamDecoder, data: bytes, expected: int | None, stream: str) -> int:
    """Return how many bytes a tile decodes to.

    Args:
        decoder: A fresh one.
        data: The tile.
        expected: As many as its pixels have; ``None`` if that is unknown.
        stream: What the tile has to hold whole, for the error, such as ``its xz stream``.
    Raises: DamagedTile, if it ends too early or holds more than expected; the decoder's own error.
    """
    count, rest = 0, data
    while not decoder.eof:
        chunk = decoder.decompress(rest, CHUNK_BYTES)
        count, rest = count + len(chunk), b""
        if decoder.needs_input and not decoder.eof:
            raise DamagedTile(f"a tile ends in the middle of {stream}")
        check_not_beyond(count, expected)
    return count


def check_not_beyond(count: int, expected: int | None) -> None:
    """Raise DamagedTile, if a tile decodes to more bytes than its pixels, or any, have."""
    if count > (LARGEST_TILE_BYTES if expected is None else expected):
        raise DamagedTile("a tile holds more than its pixels")
