"""What each compression lets one see of a tile, and that damage to it is seen."""

from __future__ import annotations

import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.ranges import Span
from asyncdl.windows import TileEvidence, check_tile, decoded_length, zstd_frames
from asyncdl.windows.directories import TileTable
from asyncdl.windows.lzw_length import lzw_length
from asyncdl.windows.tiff_structure import TiledImage
from asyncdl.windows.tile_proof import (
    DEFLATE,
    JPEG,
    LZMA,
    LZW,
    NONE,
    OLD_DEFLATE,
    PACKBITS,
    WEBP,
    ZSTD,
)
from asyncdl.windows.window_errors import DamagedTile

PIXELS = bytes((n * n // 7 + n) % 251 for n in range(256))
NOWHERE = TileTable(4, 1, Span(0, 4))


def image(compression: int, *, width: int = 16, height: int = 16, bits: int = 8) -> TiledImage:
    return TiledImage(
        width, height, width, height, True, 1, bits, 1, compression, False, {}, NOWHERE, NOWHERE
    )


def evidence(compression: int, data: bytes, **options: Any) -> TileEvidence:
    return check_tile(image(compression), 0, data, **options)


# --- TIFF's LZW, after the standard -----------------------------------------------------------


def lzw(raw: bytes) -> bytes:
    bits, width, table = "", 9, {bytes([n]): n for n in range(256)}
    following, bits, known = 258, format(256, "09b"), b""
    for byte in raw:
        longer = known + bytes([byte])
        if longer in table:
            known = longer
            continue
        bits += format(table[known], f"0{width}b")
        table[longer], following, known = following, following + 1, bytes([byte])
        width += following == 1 << width
        if following == 4094:
            bits += format(256, f"0{width}b")
            width, table, following = 9, {bytes([n]): n for n in range(256)}, 258
    bits += format(table[known], f"0{width}b") if known else ""
    following += 1
    width += following == 1 << width
    bits += format(257, f"0{width}b")
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


@given(st.binary(max_size=600) | st.binary(max_size=40).map(lambda some: some * 60))
def test_the_length_of_lzw_is_that_of_what_was_packed(raw: bytes) -> None:
    assert lzw_length(lzw(raw), len(raw)) == len(raw)


def test_lzw_of_many_codes_begins_anew_when_its_table_is_full() -> None:
    raw = bytes((n * n * 31 + n // 3) % 256 for n in range(60_000))
    assert lzw_length(lzw(raw), len(raw)) == len(raw)


@given(st.binary(max_size=300), st.integers(0, 5000))
def test_any_bytes_have_a_length_in_lzw_or_are_refused(data: bytes, expected: int) -> None:
    """Of what is decoded beyond what is expected, no more than a code's worth is counted."""
    try:
        assert lzw_length(data, expected) <= expected + 4096
    except DamagedTile:
        return


# --- Zstandard without an encoder: blocks as they are, RFC 8878 -------------------------------


def zstd(raw: bytes, *, checksum: bytes = b"", announces: bool = True) -> bytes:
    """Return a frame of blocks that are not compressed, of a byte that is repeated among them."""
    descriptor = (0x60 if announces else 0) | (4 if checksum else 0)
    size = struct.pack("<H", len(raw) - 256) if announces else b"\x58"
    blocks = [(raw[at : at + 100], False) for at in range(0, len(raw), 100)]
    body = b""
    for number, (block, _) in enumerate(blocks):
        is_last = number == len(blocks) - 1
        is_run = len(set(block)) == 1
        header = len(block) << 3 | int(is_run) << 1 | int(is_last)
        body += struct.pack("<I", header)[:3] + (block[:1] if is_run else block)
    return b"\x28\xb5\x2f\xfd" + bytes([descriptor]) + size + body + checksum


ZSTD_PIXELS = bytes(100) + PIXELS[100:]


@pytest.fixture
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(zstd_frames, "_decoder", lambda: None)
    yield


@pytest.mark.usefixtures("no_decoder")
def test_without_a_decoder_the_division_of_zstandard_is_looked_at() -> None:
    for frame in (
        zstd(ZSTD_PIXELS),
        zstd(ZSTD_PIXELS, announces=False),
        zstd(ZSTD_PIXELS, checksum=b"abcd"),
    ):
        assert evidence(ZSTD, frame) is TileEvidence.SHAPE
        for cut in range(1, len(frame)):
            with pytest.raises(DamagedTile):
                evidence(ZSTD, frame[:-cut])
    with pytest.raises(DamagedTile, match="decodes to 300"):
        evidence(ZSTD, zstd(bytes(300)))
    with pytest.raises(DamagedTile, match="of no kind"):
        evidence(ZSTD, zstd(ZSTD_PIXELS)[:7] + b"\x07\0\0" + bytes(99))


def test_a_decoder_counts_what_comes_out() -> None:
    names = ("compression.zstd", "backports.zstd", "zstandard")
    package = next((found for name in names if (found := _imported(name))), None)
    if package is None:
        pytest.skip("no decoder of Zstandard: make extras")
    frame = package.compress(PIXELS)
    assert evidence(ZSTD, frame) in (TileEvidence.DECODED, TileEvidence.CHECKSUM)
    assert evidence(ZSTD, zstd(ZSTD_PIXELS)) is TileEvidence.DECODED
    for other in (package.compress(PIXELS + b"x"), package.compress(PIXELS[1:]), frame[:-1]):
        with pytest.raises(DamagedTile):
            evidence(ZSTD, other)
    with pytest.raises(DamagedTile):
        evidence(ZSTD, zstd(ZSTD_PIXELS, checksum=b"abcd"))


def test_a_tile_of_unknown_length_is_decoded_to_a_bound_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also by a decoder of Zstandard, where one is at hand."""
    monkeypatch.setattr(decoded_length, "LARGEST_TILE_BYTES", 1000)
    names = ("compression.zstd", "backports.zstd", "zstandard")
    package = next((found for name in names if (found := _imported(name))), None)
    bomb = bytes(1 << 20)
    with pytest.raises(DamagedTile, match="more than its pixels"):
        decoded_length.count_decoded(
            lzma.LZMADecompressor(), lzma.compress(bomb), None, "its xz stream"
        )
    if package is not None:
        with pytest.raises(DamagedTile, match="more than its pixels"):
            zstd_frames.zstd_length(package.compress(bomb), None)


def _imported(name: str) -> Any:
    try:
        return __import__(name, fromlist=["compress"])
    except ImportError:
        return None


# --- all of them ------------------------------------------------------------------------------


def packbits(raw: bytes) -> bytes:
    body = b"".join(bytes([63]) + raw[at : at + 64] for at in range(0, 192, 64))
    return body + b"\x80" + bytes([256 - 63, raw[192]])


PACKED: dict[int, Callable[[bytes], bytes]] = {
    DEFLATE: zlib.compress,
    OLD_DEFLATE: zlib.compress,
    LZMA: lambda raw: lzma.compress(raw, check=lzma.CHECK_CRC32),
    LZW: lzw,
    PACKBITS: packbits,
}
SEEN = {
    DEFLATE: TileEvidence.CHECKSUM,
    OLD_DEFLATE: TileEvidence.CHECKSUM,
    LZMA: TileEvidence.CHECKSUM,
    LZW: TileEvidence.DECODED,
    PACKBITS: TileEvidence.DECODED,
}


@pytest.mark.parametrize("compression", PACKED)
def test_what_decodes_to_its_pixels_is_right(compression: int) -> None:
    data = PACKED[compression](PIXELS[:192] + PIXELS[192:193] * 64)
    assert evidence(compression, data) is SEEN[compression]
    # Whatever its frame says, and whatever pads it.
    assert evidence(compression, data + b"\0", before=b"abcd", behind=b"x") is SEEN[compression]


@pytest.mark.parametrize("compression", PACKED)
def test_what_lost_its_end_is_damaged(compression: int) -> None:
    data = PACKED[compression](PIXELS)
    for stop in (0, 1, len(data) // 2, len(data) - 3):
        with pytest.raises(DamagedTile):
            evidence(compression, data[:stop])


@pytest.mark.parametrize("compression", [DEFLATE, LZMA])
@pytest.mark.parametrize("size", [255, 257, 1 << 20])
def test_what_holds_more_or_less_than_its_pixels_is_damaged(compression: int, size: int) -> None:
    with pytest.raises(DamagedTile, match=r"a tile (holds|decodes)"):
        evidence(compression, PACKED[compression](bytes(size)))


def test_a_plain_tile_is_as_long_as_its_pixels() -> None:
    assert evidence(NONE, PIXELS) is TileEvidence.LENGTH
    with pytest.raises(DamagedTile, match="255 bytes, where 256"):
        evidence(NONE, PIXELS[1:])


def test_samples_of_odd_widths_end_with_a_whole_byte() -> None:
    odd = image(NONE, width=13, height=2, bits=3)
    assert odd.decoded_bytes(0) == 10
    assert check_tile(odd, 0, bytes(10)) is TileEvidence.LENGTH


def jpeg(columns: int, rows: int) -> bytes:
    frame = struct.pack(">HHBHHB", 0xFFC0, 11, 8, rows, columns, 1) + b"\1\x11\0"
    return b"\xff\xd8\xff\xfe\0\4ab" + frame + b"\xff\xda\0\2pixels\xff\xd9"


def test_a_jpeg_tile_is_whole_by_its_markers_and_as_large_as_its_tile() -> None:
    assert evidence(JPEG, jpeg(16, 16)) is TileEvidence.SHAPE
    for data in (b"", jpeg(16, 16)[:-2], jpeg(16, 16)[1:], jpeg(15, 16), jpeg(16, 17), b"\xff\xd8"):
        with pytest.raises(DamagedTile):
            evidence(JPEG, data)


def test_a_webp_tile_is_as_long_as_it_says() -> None:
    data = b"RIFF" + struct.pack("<I", 10) + b"WEBPVP8 xx"
    assert evidence(WEBP, data) is TileEvidence.SHAPE
    for other in (data[:-5], b"RIFX" + data[4:], b""):
        with pytest.raises(DamagedTile):
            evidence(WEBP, other)


def test_of_an_unknown_compression_the_frame_alone_says_something() -> None:
    frame = {"before": struct.pack("<I", 9), "behind": b"6789"}
    assert evidence(34887, b"123456789") is TileEvidence.LENGTH
    assert evidence(34887, b"123456789", **frame) is TileEvidence.LENGTH
    with pytest.raises(DamagedTile, match="frame"):
        evidence(34887, b"123456780", **frame)
    with pytest.raises(DamagedTile, match="frame"):
        evidence(34887, b"23456789", **frame)


@given(st.sampled_from([DEFLATE, LZMA, LZW, PACKBITS, ZSTD, JPEG, WEBP]), st.binary(max_size=300))
def test_any_bytes_are_a_tile_or_are_refused(compression: int, data: bytes) -> None:
    try:
        evidence(compression, data)
    except DamagedTile:
        return
