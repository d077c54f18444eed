"""The frames of a tile in Zstandard: how they are divided, and their length decoded.

Without a decoder only the division is looked at: each block says how long it is, so a stream
that was cut or shifted does not end where it should. A decoder is used where one is at hand.

Source: RFC 8878, section 3.1.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from asyncdl.windows.decoded_length import CHUNK_BYTES, check_not_beyond, count_decoded
from asyncdl.windows.window_errors import DamagedTile

_MAGIC = b"\x28\xb5\x2f\xfd"
_LENGTH_BYTES = (0, 2, 4, 8)
_DICTIONARY_BYTES = (0, 1, 2, 4)
_RAW, _REPEATED, _RESERVED = 0, 1, 3
_MOST_WINDOW_BYTES = 1 << 27
"""What a decoder may hold."""


@dataclass(frozen=True, slots=True)
class ZstdLength:
    """What could be seen."""

    length: int | None
    """Decoded; ``None`` if the frame does not say and there is no decoder."""
    has_checksum: bool
    is_decoded: bool


def zstd_length(data: bytes, expected: int | None) -> ZstdLength:
    """Return what can be seen of a tile of one frame.

    Raises: DamagedTile, if it is not divided as it should be, or does not decode.
    """
    announced, has_checksum = _walk(data)
    decode = _decoder()
    if decode is None:
        return ZstdLength(announced, has_checksum, is_decoded=False)
    return ZstdLength(decode(data, expected), has_checksum, is_decoded=True)


def _walk(data: bytes) -> tuple[int | None, bool]:
    """Return the length that a frame announces, and whether it has a checksum."""
    if data[:4] != _MAGIC or len(data) < 6:
        raise DamagedTile("a tile is no Zstandard frame")
    descriptor = data[4]
    is_single, has_checksum = bool(descriptor & 0x20), bool(descriptor & 4)
    length_bytes = _LENGTH_BYTES[descriptor >> 6] or int(is_single)
    at = 5 + (0 if is_single else 1) + _DICTIONARY_BYTES[descriptor & 3]
    announced = None
    if length_bytes:
        announced = int.from_bytes(data[at : at + length_bytes], "little")
        announced += 256 if length_bytes == 2 else 0
    at += length_bytes
    is_last = False
    while not is_last:
        block = data[at : at + 3]
        if len(block) < 3:
            raise DamagedTile("a tile ends in the middle of a Zstandard frame")
        header = int.from_bytes(block, "little")
        is_last, kind = bool(header & 1), header >> 1 & 3
        if kind == _RESERVED:
            raise DamagedTile("a tile has a Zstandard block of no kind")
        at += 3 + (1 if kind == _REPEATED else header >> 3)
    if at + (4 if has_checksum else 0) > len(data):
        raise DamagedTile("a tile ends in the middle of a Zstandard frame")
    return announced, has_checksum


_Decode = Callable[[bytes, int | None], int]


@cache
def _decoder() -> _Decode | None:
    """Return what counts the bytes of a decoded frame; ``None`` if no package does."""
    for name, make in (
        ("compression.zstd", _standard),
        ("backports.zstd", _standard),
        ("zstandard", _zstandard),
    ):
        try:
            return make(import_module(name))
        except ImportError:
            continue
    return None


def _standard(package: Any) -> _Decode:
    """By the standard library of Python 3.14, and what brings it to older ones."""

    def decode(data: bytes, expected: int | None) -> int:
        options = {package.DecompressionParameter.window_log_max: 27}
        decoder = package.ZstdDecompressor(options=options)
        try:
            return count_decoded(decoder, data, expected, "a Zstandard frame")
        except package.ZstdError as problem:
            raise DamagedTile(f"a tile is no whole Zstandard frame: {problem}") from None

    return decode


def _zstandard(package: Any) -> _Decode:
    def decode(data: bytes, expected: int | None) -> int:
        decoder = package.ZstdDecompressor(max_window_size=_MOST_WINDOW_BYTES)
        count = 0
        try:
            with decoder.stream_reader(data) as reader:
                while chunk := reader.read(CHUNK_BYTES):
                    count += len(chunk)
                    check_not_beyond(count, expected)
        except package.ZstdError as problem:
            raise DamagedTile(f"a tile is no whole Zstandard frame: {problem}") from None
        return count

    return decode
