"""The structure of a file: from how few bytes it is known, and what is refused."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.errors import MisuseError
from asyncdl.items.projections import Crs
from asyncdl.transfer.ranges import Span
from asyncdl.windows import Inquiry, PixelBox, TiffStructure, georeference_of, structure_inquiry
from asyncdl.windows.byte_ranges import HeldBytes
from asyncdl.windows.directories import MOST_VALUE_BYTES
from asyncdl.windows.inquiry import READ_AHEAD_BYTES
from asyncdl.windows.window_errors import BrokenTiff, NotAGeoTiff, UnsupportedTiff
from tests.windows.handmade import (
    ASCII,
    DOUBLE,
    GEO,
    LONG,
    SHORT,
    Picture,
    plan_of,
    structure_of_bytes,
    tiff,
    window_of,
)

RASTER = Picture(100, 70, tags=GEO)
SMALLER = replace(RASTER, width=50, height=35, subfile=1, tags={})
SOURCE = tiff(RASTER, SMALLER)


def needs_of(inquiry: Inquiry[TiffStructure], data: bytes) -> list[Span]:
    found = []
    while inquiry.need is not None:
        found.append(inquiry.need)
        inquiry.feed(inquiry.need.start, data[inquiry.need.start : inquiry.need.stop])
    return found


# --- bytes in memory --------------------------------------------------------------------------


@given(
    st.binary(min_size=1, max_size=60), st.lists(st.tuples(st.integers(0, 59), st.integers(0, 60)))
)
def test_what_is_held_is_what_was_given(data: bytes, parts: list[tuple[int, int]]) -> None:
    held, known = HeldBytes(), set[int]()
    for start, stop in parts:
        held.add(start, data[start:stop])
        known |= set(range(start, min(stop, len(data))))
    for start in range(len(data)):
        for stop in range(start, len(data) + 1):
            lacking = [n for n in range(start, stop) if n not in known]
            first = held.lacking(Span(start, stop))
            if not lacking:
                assert first is None and held.get(Span(start, stop)) == data[start:stop]
                continue
            assert held.get(Span(start, stop)) is None
            assert first is not None and first.start == lacking[0]
            assert all(n in lacking for n in range(first.start, first.stop))
            assert first.stop == stop or first.stop in known


# --- how few ----------------------------------------------------------------------------------


def test_of_a_cloud_optimised_file_the_first_request_brings_all() -> None:
    data = window_of(SOURCE, PixelBox(0, 0, 100, 70))
    padded = data + bytes(1 << 20)
    assert needs_of(structure_inquiry(len(padded)), padded) == [Span(0, READ_AHEAD_BYTES)]


def test_directories_at_the_end_cost_one_request_more() -> None:
    """As long as they lie together."""
    big = replace(RASTER, width=300, height=300, compression=1)
    data = tiff(big, replace(SMALLER, width=150, height=150))
    first, second = needs_of(structure_inquiry(len(data)), data)
    assert first == Span(0, READ_AHEAD_BYTES) and second.stop == len(data)


@given(st.data())
def test_any_portions_make_the_same_structure(data: st.DataObject) -> None:
    inquiry = structure_inquiry(len(SOURCE))
    for _ in range(4):
        start, size = data.draw(st.integers(0, len(SOURCE))), data.draw(st.integers(0, 3000))
        if inquiry.need is None:
            break
        if inquiry.need.start not in range(start, min(start + size, len(SOURCE))):
            start, size = inquiry.need.start, data.draw(st.integers(1, 3000))
        inquiry.feed(start, SOURCE[start : start + size])
    for need in needs_of(inquiry, SOURCE):
        assert 0 <= need.start < need.stop <= len(SOURCE)
    assert inquiry.result == structure_of_bytes(SOURCE)


def test_what_never_comes_is_not_asked_for_again_and_again() -> None:
    inquiry = structure_inquiry(len(SOURCE))
    with pytest.raises(MisuseError, match="needs bytes"):
        _ = inquiry.result
    with pytest.raises(BrokenTiff, match=rf"nothing was read at byte 0 of {len(SOURCE)}"):
        inquiry.feed(0, b"")
    inquiry = structure_inquiry(len(SOURCE))
    with pytest.raises(BrokenTiff, match="byte 0"):
        inquiry.feed(5000, bytes(100))
    inquiry.feed(0, SOURCE)
    assert inquiry.need is None, "it is over"
    with pytest.raises(MisuseError, match="after an error"):
        _ = inquiry.result


def test_after_an_error_an_inquiry_is_over() -> None:
    inquiry = structure_inquiry(100)
    with pytest.raises(NotAGeoTiff):
        inquiry.feed(0, bytes(100))
    inquiry.feed(0, SOURCE)
    with pytest.raises(MisuseError, match="after an error"):
        _ = inquiry.result


# --- what is in a file ------------------------------------------------------------------------


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("big", [False, True])
def test_orders_and_widths_make_no_difference(order: str, big: bool) -> None:
    mask = replace(RASTER, subfile=4, tags={})
    smaller_mask = replace(SMALLER, subfile=5)
    found = structure_of_bytes(tiff(RASTER, smaller_mask, SMALLER, mask, order=order, big=big))
    assert (found.form.order, found.form.is_big) == (order, big)
    assert [(level.image.width, level.factor) for level in found.levels] == [(100, 1), (50, 2)]
    assert [level.mask and level.mask.width for level in found.levels] == [100, 50]
    assert found.notes == ()


@pytest.mark.parametrize(
    "other",
    [
        replace(RASTER, subfile=2),
        replace(SMALLER, width=60),
        replace(SMALLER, samples=3),
        replace(SMALLER, subfile=0),
        replace(RASTER, width=200, subfile=1),
    ],
    ids=["page", "other shape", "other samples", "another picture", "larger"],
)
def test_an_image_that_is_no_overview_is_left_out_with_a_note(other: Picture) -> None:
    found = structure_of_bytes(tiff(RASTER, other, SMALLER))
    assert [level.factor for level in found.levels] == [1, 2]
    assert found.notes == ("image 1 is left out: it is no overview and no mask",)


def test_a_broken_overview_is_left_out_and_a_broken_mask_is_not() -> None:
    broken = replace(SMALLER, tags={256: (LONG, (0,))})
    found = structure_of_bytes(tiff(RASTER, broken))
    assert len(found.levels) == 1 and "0 by 35 pixels" in found.notes[0]
    with pytest.raises(BrokenTiff, match="0 by 70"):
        structure_of_bytes(tiff(RASTER, replace(RASTER, subfile=4, tags={256: (LONG, (0,))})))


@pytest.mark.parametrize(
    ("whole", "part", "factor"),
    [(1300, 650, 2), (1301, 650, 2), (1301, 651, 2), (1300, 162, 8), (1300, 163, 8), (900, 300, 3),
     (273, 18, 16), (1300, 600, None)],
)  # fmt: skip
def test_the_factor_of_an_overview(whole: int, part: int, factor: int | None) -> None:
    """Writers round up or down."""
    empty = frozenset(range(1 << 14))
    raster = Picture(whole, whole, sparse=empty)
    found = structure_of_bytes(tiff(raster, replace(raster, width=part, height=part, subfile=1)))
    assert [level.factor for level in found.levels] == [1] + [factor] * (factor is not None)


def test_tiles_under_the_tags_of_strips_are_tiles() -> None:
    place: dict[int, tuple[int, tuple[float, ...]]] = {
        322: (SHORT, (16,)), 323: (SHORT, (16,)), 273: (LONG, (8,) * 4), 279: (LONG, (1,) * 4)
    }  # fmt: skip
    data = tiff(Picture(32, 32, (16, 32), is_tiled=False, tags=place))
    raster = structure_of_bytes(data).raster
    assert raster.is_tiled and raster.tile_count == 4


# --- where it lies ----------------------------------------------------------------------------


def geo(**changes: tuple[int, tuple[float, ...]]) -> bytes:
    tags = GEO | {int(name.removeprefix("t")): value for name, value in changes.items()}
    return tiff(Picture(16, 16, tags=tags))


def test_where_a_raster_lies() -> None:
    found = georeference_of(structure_of_bytes(geo()))
    assert found.crs.epsg == 32606 and found.shape == (16, 16)
    assert list(found.transform) == [30, 0, 300_000, 0, -30, 6_800_000]
    keys = (1, 1, 0, 2, 1025, 0, 1, 2, 3072, 0, 1, 32606)
    points = georeference_of(structure_of_bytes(geo(t34735=(SHORT, keys))))
    assert list(points.transform) == [30, 0, 299_985, 0, -30, 6_800_015]
    matrix = (20.0, 5, 0, 1000, 4, -21, 0, 2000, 0, 0, 0, 0, 0, 0, 0, 1)
    rotated = georeference_of(structure_of_bytes(geo(t34264=(DOUBLE, matrix))))
    assert list(rotated.transform) == [20, 5, 1000, 4, -21, 2000]


def test_degrees_are_known_if_their_datum_is() -> None:
    degrees = (1, 1, 0, 3, 1024, 0, 1, 2, 2048, 0, 1, 4326, 2054, 0, 1, 9102)
    assert georeference_of(structure_of_bytes(geo(t34735=(SHORT, degrees)))).crs == Crs(4326)
    nad83 = (1, 1, 0, 2, 1024, 0, 1, 2, 2048, 0, 1, 4269)
    assert georeference_of(structure_of_bytes(geo(t34735=(SHORT, nad83)))).crs == Crs(4269)
    nad27 = (1, 1, 0, 2, 1024, 0, 1, 2, 2048, 0, 1, 4267)
    assert georeference_of(structure_of_bytes(geo(t34735=(SHORT, nad27)))).crs == Crs()


@pytest.mark.parametrize(
    ("tag", "value", "problem"),
    [
        ("t33922", (0.0,) * 12, "does not say where"),
        ("t33550", (30.0,), "does not say where"),
        ("t33550", (0.0, 30.0, 0.0), "no size"),
        ("t33550", (float("nan"), 30.0, 0.0), "no place"),
    ],
)
def test_a_raster_without_one_place_has_no_coordinates(
    tag: str, value: tuple[float, ...], problem: str
) -> None:
    with pytest.raises(NotAGeoTiff, match=problem):
        georeference_of(structure_of_bytes(geo(**{tag: (DOUBLE, value)})))


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"II*", b"\x89PNG\r\n\x1a\n" + bytes(99), b"II+\0\x08\0"])
def test_what_is_no_tiff_is_refused(data: bytes) -> None:
    with pytest.raises(NotAGeoTiff, match="no TIFF"):
        structure_of_bytes(data)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({256: (LONG, (0,))}, "0 by 70 pixels"),
        ({257: (LONG, (1 << 32 - 1,))}, "2147483648 pixels|35 tiles"),
        ({322: (SHORT, (0,))}, "tiles of 0 by 16"),
        ({322: (SHORT, (8,))}, "35 tiles, but the image has 65"),
        ({277: (LONG, (1 << 20,))}, "1048576 samples"),
        ({324: (DOUBLE, (8.0,) * 35)}, "type 12"),
    ],
)
def test_what_contradicts_itself_is_refused(
    change: dict[int, tuple[int, tuple[float, ...]]], problem: str
) -> None:
    with pytest.raises(BrokenTiff, match=problem):
        structure_of_bytes(tiff(replace(RASTER, tags=change)))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({259: (SHORT, (6,))}, "old JPEG"),
        ({32997: (LONG, (4,))}, "depth"),
        ({322: (LONG, (1 << 20,)), 323: (LONG, (1 << 20,))}, "a tile of 1099511627776 bytes"),
    ],
)
def test_what_is_not_cut_here_is_refused(
    change: dict[int, tuple[int, tuple[float, ...]]], problem: str
) -> None:
    with pytest.raises(UnsupportedTiff, match=problem):
        structure_of_bytes(tiff(replace(RASTER, tags=change)))


def test_a_table_behind_the_end_is_noticed_when_it_is_needed() -> None:
    data = bytearray(tiff(RASTER))
    at = data.find(struct.pack("<HHI", 325, LONG, 35))
    struct.pack_into("<I", data, at + 8, len(data) - 50)
    with pytest.raises(BrokenTiff, match=rf"are needed, but the file has {len(data)}"):
        plan_of(bytes(data), PixelBox(0, 0, 100, 70))


def test_a_table_that_is_missing_is_named() -> None:
    data = bytearray(tiff(RASTER))
    at = data.find(struct.pack("<HH", 325, LONG))
    struct.pack_into("<H", data, at, 326)
    with pytest.raises(BrokenTiff, match="tag 325 is missing"):
        structure_of_bytes(bytes(data))


def directory(*entries: bytes, following: int = 0) -> bytes:
    return struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following)


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


HEAD = b"II*\0" + struct.pack("<I", 8)


def asked_for(data: bytes, size_bytes: int, error: type[Exception], problem: str) -> int:
    """Have a file refused; return how many bytes were asked for until then."""
    inquiry, asked = structure_inquiry(size_bytes), 0
    with pytest.raises(error, match=problem):
        while inquiry.need is not None:
            start, stop = inquiry.need.start, inquiry.need.stop
            asked += stop - start
            inquiry.feed(start, data[start:stop].ljust(stop - start, b"\0"))
    return asked


@pytest.mark.parametrize("entries", [b"", b"\xff" * 12 * 300])
def test_directories_that_claim_too_much_cost_no_more_than_others(entries: bytes) -> None:
    many = HEAD + b"\xff\xff" + entries
    assert asked_for(many, 1 << 40, UnsupportedTiff, "65535 entries") <= READ_AHEAD_BYTES
    values = [entry(65000 + n, 1, MOST_VALUE_BYTES, 1 << 20) for n in range(9)]
    long = HEAD + directory(*values)
    assert asked_for(long, 1 << 40, UnsupportedTiff, "more values") < 6 * MOST_VALUE_BYTES


def test_a_chain_of_directories_comes_to_an_end() -> None:
    image = tiff(Picture(16, 16))
    at = len(image) + len(image) % 2
    chain = bytearray(image.ljust(at, b"\0"))
    link = bytes(chain).rfind(struct.pack("<HHI", 325, LONG, 1)) + 12
    struct.pack_into("<I", chain, link, at)
    chain += b"".join(directory(following=at + 6 * (n + 1)) for n in range(500))
    size_bytes = len(chain)
    assert asked_for(bytes(chain), size_bytes, UnsupportedTiff, "more than 128 images") < 50_000
    struct.pack_into("<I", chain, at + 2, at)
    structure = structure_of_bytes(bytes(chain))
    assert "loop" in structure.notes[0]


def test_a_directory_behind_the_end_ends_the_chain_but_for_the_first() -> None:
    image = bytearray(tiff(Picture(16, 16)))
    link = bytes(image).rfind(struct.pack("<HHI", 325, LONG, 1)) + 12
    struct.pack_into("<I", image, link, 1 << 30)
    assert structure_of_bytes(bytes(image)).notes == (
        "a directory at byte 1073741824 ends behind the end of the file",
    )
    struct.pack_into("<I", image, 4, 1 << 30)
    with pytest.raises(BrokenTiff, match="behind the end"):
        structure_of_bytes(bytes(image))


def test_a_value_that_is_too_long_is_left_out_unless_pixels_need_it() -> None:
    def file(tag: int) -> bytes:
        data = bytearray(tiff(Picture(16, 16, tags={tag: (ASCII, tuple(b"12345678"))})))
        at = data.find(struct.pack("<HHI", tag, ASCII, 8))
        struct.pack_into("<I", data, at + 4, 1 << 30)
        return bytes(data)

    found = structure_of_bytes(file(700))
    assert found.notes == ("tag 700 is left out: its value is too long",)
    assert 700 not in found.raster.tags
    with pytest.raises(BrokenTiff, match="value of tag 347"):
        structure_of_bytes(file(347))


@pytest.mark.parametrize(
    "cut", [lambda n: 1, lambda n: 100, lambda n: n // 2, lambda n: n - 300], ids="abcd"
)
def test_a_file_that_lost_its_end_is_refused(cut: Callable[[int], int]) -> None:
    data = window_of(SOURCE, PixelBox(0, 0, 100, 70))
    with pytest.raises((BrokenTiff, NotAGeoTiff)):
        plan_of(data[: cut(len(data))], PixelBox(0, 0, 100, 70))
