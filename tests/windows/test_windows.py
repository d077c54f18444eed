"""Windows of files that are made by hand: every pixel, every tag, from only the bytes planned."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.ranges import Span
from asyncdl.windows import (
    OverviewRule,
    PixelBox,
    TileEvidence,
    WindowPlan,
    finish,
    framed,
    georeference_of,
    lay_out,
    plan_inquiry,
    read_tile,
    record_of,
    structure_inquiry,
)
from asyncdl.windows.georeferencing import moved
from asyncdl.windows.window_errors import (
    AreaOutside,
    BrokenTiff,
    DamagedTile,
    EmptyArea,
    UnsupportedTiff,
    WindowError,
)
from tests.windows.handmade import (
    ALL,
    ASCII,
    DEFLATE,
    DOUBLE,
    GEO,
    LONG,
    LONG8,
    NONE,
    PACKBITS,
    PLAIN,
    SHORT,
    Picture,
    Read,
    plan_of,
    read_tiff,
    structure_of_bytes,
    tiff,
    window_bytes,
    window_of,
)

RASTER = Picture(100, 70, tags=GEO)


def overviews(picture: Picture, count: int, **change: Any) -> Iterator[Picture]:
    """Yield a picture's overviews of 2, 4 …"""
    for level in range(1, count + 1):
        width, height = (-(-side // 2**level) for side in (picture.width, picture.height))
        if max(width, height) == 1:
            return  # of what is so small, nothing says how much smaller it is
        yield replace(picture, width=width, height=height, subfile=1, seed=level, tags={}, **change)


def mask_of(picture: Picture) -> Picture:
    return replace(
        picture, samples=1, is_planar=False, subfile=picture.subfile | 4, tags={}, seed=99
    )


PYRAMID = (RASTER, *overviews(RASTER, 3))


@st.composite
def files(draw: st.DrawFn) -> tuple[tuple[Picture, ...], bytes]:
    """Draw some pictures, and the file of them."""
    tile = draw(st.sampled_from([(16, 16), (32, 16), (16, 48)]))
    raster = Picture(
        draw(st.integers(1, 70)),
        draw(st.integers(1, 70)),
        tile,
        is_tiled=draw(st.booleans()),
        samples=draw(st.sampled_from([1, 1, 3])),
        is_planar=draw(st.booleans()),
        compression=draw(st.sampled_from([PLAIN, DEFLATE, DEFLATE])),
        tags=GEO,
    )
    count = raster.grid[0] * raster.grid[1]
    whole = raster
    raster = replace(raster, sparse=frozenset(draw(st.sets(st.integers(0, count - 1), max_size=3))))
    small = draw(st.sampled_from([tile, (16, 16)]))
    change = {"tile": small, "is_tiled": draw(st.booleans())}
    pictures = [whole, *overviews(whole, draw(st.integers(0, 3)), **change)]
    masks = [mask_of(picture) for picture in pictures] if draw(st.booleans()) else []
    found = (raster, *pictures[1:], *masks)
    order, big, frames = draw(st.sampled_from("<>")), draw(st.booleans()), draw(st.booleans())
    return found, tiff(*found, order=order, big=big, frames=frames)


@st.composite
def boxes(draw: st.DrawFn, width: int, height: int) -> PixelBox:
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return PixelBox(
        left, top, draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))
    )


RULES = st.sampled_from([None, ALL, NONE, OverviewRule(growth=0.0), OverviewRule(2, 2.0)])


@pytest.mark.slow
@given(st.data())
def test_every_pixel_of_every_image_is_that_of_the_source(data: st.DataObject) -> None:
    pictures, source = data.draw(files())
    box = data.draw(boxes(pictures[0].width, pictures[0].height))
    plan = plan_of(source, box, data.draw(RULES))
    assert plan.structure.notes == ()
    assert plan.box.left <= box.left and plan.box.right >= box.right
    assert plan.box.top <= box.top and plan.box.bottom >= box.bottom
    window = window_bytes(plan, source)
    made = read_tiff(window)
    assert len(made) == len(plan.parts)
    originals = {(p.width, p.height, bool(p.subfile & 4)): p for p in reversed(pictures)}
    for image, part in zip(made, plan.parts, strict=True):
        of = part.part.image
        assert_part(image, originals[of.width, of.height, part.part.is_mask], part.part.box)
    # It is a file that a window can be made of again, with the same masks.
    again = structure_of_bytes(window)
    assert again.notes == ()
    assert (again.levels[0].mask is not None) == (len(made) > 1 and made[1].one(254) == 4)


def assert_part(image: Read, picture: Picture, box: PixelBox) -> None:
    assert image.size == (box.width, box.height)
    across, down = picture.grid
    for y, row in enumerate(image.rows(), start=box.top):
        for x, pixel in enumerate(row, start=box.left):
            tile = y // picture.tile[1] * across
            tile += x // picture.tile[0] if picture.is_tiled else 0
            for sample, value in enumerate(pixel):
                number = tile + (sample * across * down if picture.is_planar else 0)
                is_there = number not in picture.sparse
                assert value == (picture.pixel(x, y, sample) if is_there else 0)


@pytest.mark.slow
@given(st.data())
def test_a_damaged_file_is_refused_or_read_and_never_for_ever(data: st.DataObject) -> None:
    """One byte or several, anywhere, lost ends among it: nothing but our errors come out."""
    source = data.draw(SOUND)
    damaged = bytearray(source)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        patch = data.draw(st.sampled_from([b"\0", b"\xff", b"\0\0\0\0"]) | st.binary(max_size=4))
        damaged[at : at + len(patch)] = patch
    whole = bytes(damaged[: data.draw(st.just(len(damaged)) | st.integers(0, len(damaged)))])
    try:
        structure = structure_of_bytes(whole)
        raster = structure.raster
        box = data.draw(boxes(min(raster.width, 1000), min(raster.height, 1000)))
        again = structure_of_bytes(window_of(whole, box, data.draw(RULES)))
        georeference_of(structure)
    except WindowError:
        return
    assert again.raster.width <= raster.width


SOUND = st.sampled_from(
    [
        tiff(*PYRAMID, *map(mask_of, PYRAMID), frames=True),
        tiff(*PYRAMID, order=">"),
        tiff(replace(RASTER, samples=3, is_planar=True), big=True),
        tiff(replace(RASTER, is_tiled=False, compression=PACKBITS), big=True, order=">"),
    ]
)


def test_a_changed_byte_of_a_deflate_tile_is_noticed_or_changes_no_pixel() -> None:
    source = tiff(replace(RASTER, width=16, height=16))
    plan = plan_of(source, PixelBox(0, 0, 16, 16))
    right = read_tiff(window_bytes(plan, source))[0].rows()
    (tile,) = plan.tiles
    unnoticed = 0
    for at, bit in product(range(tile.start, tile.stop), range(8)):
        damaged = bytearray(source)
        damaged[at] ^= 1 << bit
        try:
            made = window_bytes(plan, bytes(damaged))
        except DamagedTile:
            continue
        unnoticed += 1
        assert read_tiff(made)[0].rows() == right
    assert unnoticed < 8, "bits between the last code and the checksum are nobody's"


# --- what is where ----------------------------------------------------------------------------


def test_directories_come_first_and_the_finest_tiles_last() -> None:
    made = window_of(tiff(*PYRAMID), PixelBox(0, 0, 100, 70), ALL)
    images = read_tiff(made)
    assert [image.size for image in images] == [(100, 70), (50, 35), (25, 18), (13, 9)]
    starts = [min(offset for offset, _ in image.places) for image in images]
    assert starts == sorted(starts, reverse=True)
    inquiry = structure_inquiry(len(made))
    inquiry.feed(0, made[: starts[-1]])
    assert inquiry.need is None, "all but the tiles lies before them"


def test_each_tile_stands_between_its_length_and_its_last_bytes() -> None:
    made = window_of(tiff(*PYRAMID), PixelBox(0, 0, 100, 70), ALL)
    assert structure_of_bytes(made).layout.is_framed
    for image in read_tiff(made):
        ends = [offset + size for offset, size in image.places]
        for (offset, size), end in zip(image.places, ends, strict=True):
            assert struct.unpack("<I", made[offset - 4 : offset]) == (size,)
            assert made[end : end + 4] == made[end - 4 : end]
        assert [offset - 8 for offset, _ in image.places[1:]] == ends[:-1], "row by row"


@pytest.mark.parametrize(
    "picture",
    [replace(RASTER, is_tiled=False), replace(RASTER, samples=3, is_planar=True)],
    ids=["strips", "planes"],
)
def test_what_gdals_layout_does_not_have_does_not_promise_it(picture: Picture) -> None:
    made = window_of(tiff(picture, frames=True), PixelBox(20, 20, 50, 50))
    assert not structure_of_bytes(made).layout.is_framed


def test_a_tile_that_several_places_share_is_shared_in_the_window() -> None:
    source = bytearray(tiff(replace(RASTER, compression=PLAIN)))
    (image,) = read_tiff(bytes(source))
    (first, size), table = image.places[0], struct.pack("<3I", *map(int, image[324][:3]))
    struct.pack_into("<3I", source, source.find(table), first, first, first)
    plan = plan_of(bytes(source), PixelBox(0, 0, 64, 16))
    assert len(plan.tiles) == 2
    made = window_bytes(plan, bytes(source))
    (window,) = read_tiff(made)
    assert len(set(window.places[:3])) == 1 and len(made) < 2 * size + 600
    assert not structure_of_bytes(made).layout.is_framed


def test_without_any_tile_there_is_a_file_too() -> None:
    source = tiff(replace(RASTER, sparse=frozenset(range(35))))
    plan = plan_of(source, PixelBox(5, 5, 60, 60))
    assert plan.ranges() == () and plan.tile_bytes == 0
    (image,) = read_tiff(window_bytes(plan, source))
    assert set(image.places) == {(0, 0)}


# --- tags -------------------------------------------------------------------------------------


def tags_of_window(tags: dict[int, tuple[int, tuple[float, ...]]], *, big: bool = False) -> Read:
    """Return the window from column 16 and row 32 on of a raster with some tags."""
    source = tiff(replace(RASTER, tags={**GEO, **tags}), big=big)
    return read_tiff(window_of(source, PixelBox(20, 40, 60, 60), NONE))[0]


def test_the_place_of_the_first_pixel_moves_with_the_window() -> None:
    image = tags_of_window({})
    assert image[33922] == [0, 0, 0, 300_000 + 16 * 30, 6_800_000 - 32 * 30, 0]
    assert image[33550] == list(GEO[33550][1]) and image[34735] == list(GEO[34735][1])


def test_of_several_tie_points_the_pixels_move() -> None:
    ties = (0.0, 0, 0, 10, 20, 0, 99, 69, 0, 11, 19, 0)
    image = tags_of_window({33922: (DOUBLE, ties)})
    assert image[33922] == [-16, -32, 0, 10, 20, 0, 83, 37, 0, 11, 19, 0]


def test_a_matrix_is_moved_whatever_its_rotation() -> None:
    matrix = (20.0, 5, 0, 1000, 4, -21, 0, 2000, 0, 0, 0, 0, 0, 0, 0, 1)
    image = tags_of_window({34264: (DOUBLE, matrix)})
    x, y = 1000 + 20 * 16 + 5 * 32, 2000 + 4 * 16 - 21 * 32
    assert image[34264] == [20, 5, 0, x, 4, -21, 0, y, 0, 0, 0, 0, 0, 0, 0, 1]


def test_the_middle_of_rational_polynomials_moves() -> None:
    image = tags_of_window({50844: (DOUBLE, tuple(map(float, range(92))))})
    assert image[50844][:5] == [0, 1, 2 - 32, 3 - 16, 4]
    assert image[50844][5:] == list(range(5, 92))


METADATA = (
    b'<GDALMetadata>\n  <Item name="STATISTICS_MEAN" sample="0">7</Item>\n'
    b'  <Item name="UNITS" sample="0">K</Item>\n'
    b'  <Item name="STATISTICS_MAXIMUM" sample="0">9</Item>\n</GDALMetadata>\n\0'
)


def test_statistics_of_the_whole_are_left_out_of_a_part_alone() -> None:
    source = tiff(replace(RASTER, tags={**GEO, 42112: (ASCII, tuple(METADATA))}))
    part = read_tiff(window_of(source, PixelBox(20, 40, 60, 60)))[0]
    text = b'<GDALMetadata>\n  <Item name="UNITS" sample="0">K</Item>\n  </GDALMetadata>\n\0'
    assert bytes(map(int, part[42112])) == text
    whole = read_tiff(window_of(source, PixelBox(0, 0, 100, 70)))[0]
    assert bytes(map(int, whole[42112])) == METADATA


def test_other_tags_are_as_they_were_and_what_points_elsewhere_is_gone() -> None:
    pointers = dict.fromkeys((330, 34665, 288), (LONG, (8,)))
    no_data, predictor = (ASCII, tuple(b"-9999\0")), (SHORT, (2,))
    image = tags_of_window(
        {42113: no_data, 317: predictor, 65000: (DOUBLE, (1.5,) * 9), **pointers}
    )
    assert image[42113] == list(b"-9999\0") and image[317] == [2]
    assert image[65000] == [1.5] * 9
    assert not pointers.keys() & image.tags.keys()


def test_what_only_bigtiff_has_becomes_classic_or_stays_big() -> None:
    image = tags_of_window({65000: (LONG8, (7, 8))}, big=True)
    assert image.data[:4] == b"II*\0" and image[65000] == [7, 8]
    image = tags_of_window({65000: (LONG8, (7, 1 << 40))}, big=True)
    assert image.data[:4] == b"II+\0" and image[65000] == [7, 1 << 40]


def test_a_window_beyond_four_gigabytes_is_a_bigtiff() -> None:
    """20 plain tiles of 256 MiB, of which not a byte is there."""
    side, tile_bytes = 1 << 14, 1 << 28
    tags = {
        256: (LONG, (5 * side,)),
        257: (LONG, (4 * side,)),
        259: (SHORT, (PLAIN,)),
        322: (LONG, (side,)),
        323: (LONG, (side,)),
        324: (LONG8, tuple((n + 1) * tile_bytes for n in range(20))),
        325: (LONG, (tile_bytes,) * 20),
    }
    head = tiff(replace(RASTER, width=1, height=1, tags=tags), big=True)
    size_bytes = 21 * tile_bytes

    def read(start: int, stop: int) -> bytes:
        return head[start:stop].ljust(stop - start, b"\0")

    structure = finish(structure_inquiry(size_bytes), read)
    plan = finish(plan_inquiry(structure, PixelBox(0, 0, 5 * side, 4 * side)), read)
    window = lay_out(plan)
    assert window.head[:4] == b"II+\0" and window.size_bytes > 20 * tile_bytes
    again = structure_inquiry(window.size_bytes)
    again.feed(0, window.head)
    corner = PixelBox(4 * side, 3 * side, 5 * side, 4 * side)
    places = plan_inquiry(again.result, corner, held=again.held)
    last = window.pieces[-1]
    assert places.result.tiles == (Span(last.at, last.at + tile_bytes),)
    part = finish(plan_inquiry(structure, PixelBox(0, 0, side, side)), read)
    assert lay_out(part).head[:4] == b"II*\0"


def test_the_georeference_of_a_window_is_that_of_its_pixels() -> None:
    source = tiff(RASTER)
    plan = plan_of(source, PixelBox(20, 40, 60, 60))
    of_source, made = georeference_of(plan.structure), window_bytes(plan, source)
    of_window = georeference_of(structure_of_bytes(made))
    assert plan.georeference == of_window
    assert of_window.crs == of_source.crs and of_window.shape == (32, 48)
    assert of_window.transform == moved(of_source.transform, plan.box.left, plan.box.top)


# --- which overviews --------------------------------------------------------------------------


def factors(plan: WindowPlan) -> list[int]:
    return [part.part.factor for part in plan.parts if not part.part.is_mask]


def test_a_window_of_one_tile_needs_no_overview() -> None:
    assert factors(plan_of(tiff(*PYRAMID), PixelBox(17, 17, 30, 30))) == [1]


def test_an_overview_is_there_when_its_tiles_begin_where_the_window_does() -> None:
    plan = plan_of(tiff(*PYRAMID), PixelBox(32, 32, 64, 64), OverviewRule(growth=0))
    assert factors(plan) == [1, 2] and plan.box == PixelBox(32, 32, 64, 64)


def test_a_window_grows_for_an_overview_as_far_as_it_may() -> None:
    source, box = tiff(*PYRAMID), PixelBox(16, 16, 48, 64)
    assert factors(plan_of(source, box, OverviewRule(growth=0.9))) == [1]
    plan = plan_of(source, box, OverviewRule(growth=1.0))
    assert factors(plan) == [1, 2, 4] and plan.box == PixelBox(0, 0, 48, 64)


def test_all_overviews_can_be_had_and_none() -> None:
    source, box = tiff(*PYRAMID), PixelBox(70, 50, 71, 51)
    everything = plan_of(source, box, ALL)
    assert factors(everything) == [1, 2, 4, 8] and everything.box == PixelBox(0, 0, 80, 64)
    assert plan_of(source, box, NONE).box == PixelBox(64, 48, 80, 64)


def test_a_mask_always_comes_along_though_the_window_grows_for_it() -> None:
    source = tiff(RASTER, mask_of(replace(RASTER, tile=(48, 48))))
    plan = plan_of(source, PixelBox(50, 50, 52, 52), NONE)
    assert plan.box == PixelBox(48, 48, 64, 64)
    assert [part.part.is_mask for part in plan.parts] == [False, True]
    assert plan_of(source, PixelBox(40, 40, 52, 52), NONE).box == PixelBox(0, 0, 64, 64)


def test_a_window_of_strips_has_whole_strips() -> None:
    source = tiff(replace(RASTER, is_tiled=False))
    assert plan_of(source, PixelBox(50, 20, 52, 40)).box == PixelBox(0, 16, 100, 48)
    last = plan_of(source, PixelBox(50, 65, 52, 66))
    assert last.box == PixelBox(0, 64, 100, 70), "the last one has six rows"


BIG_RASTER = Picture(700, 500, (32, 32), sparse=frozenset(range(1 << 12)), tags=GEO)
BIG = tiff(BIG_RASTER, *overviews(BIG_RASTER, 4))


@given(boxes(700, 500), RULES)
def test_a_window_holds_the_area_and_grows_no_more_than_it_may(
    box: PixelBox, rule: OverviewRule | None
) -> None:
    plan = plan_of(BIG, box, rule)
    least = plan_of(BIG, box, NONE).box
    growth = (rule or OverviewRule()).growth
    assert plan.box.width * plan.box.height <= (1 + growth) * least.width * least.height
    for part in (each.part for each in plan.parts):
        assert part.box.left % part.image.tile_width == 0
        assert part.box.top % part.image.tile_height == 0
        assert part.box.left * part.factor == plan.box.left
        excess = part.box.width - plan.box.width / part.factor
        assert 0 <= excess < 1 or part.box.right == part.image.width


# --- what to fetch ----------------------------------------------------------------------------

IN_FRAMES_OR_NOT = [tiff(*PYRAMID, frames=frames) for frames in (False, True)]


@given(boxes(100, 70), st.integers(0, 2000), st.integers(100, 4000), st.booleans())
def test_ranges_bring_every_tile_and_keep_their_bounds(
    box: PixelBox, gap_bytes: int, most_bytes: int, frames: bool
) -> None:
    plan = plan_of(IN_FRAMES_OR_NOT[frames], box)
    ranges = plan.ranges(gap_bytes=gap_bytes, most_bytes=most_bytes)
    assert list(ranges) == sorted(ranges)
    tiles = [plan.frame_of(tile) for tile in plan.tiles]
    assert all(any(r.start <= t.start and t.stop <= r.stop for r in ranges) for t in tiles)
    longest = max(tile.size_bytes for tile in tiles)
    assert all(one.size_bytes <= max(most_bytes, longest) for one in ranges)
    wanted = sum(tile.size_bytes for tile in tiles)
    assert sum(one.size_bytes for one in ranges) <= wanted + gap_bytes * (len(tiles) - 1)


def test_the_frame_of_a_tile_is_looked_at_where_little_else_can_be_seen() -> None:
    source = tiff(replace(RASTER, compression=PLAIN), frames=True)
    plan, proven = plan_of(source, PixelBox(0, 0, 5, 5)), list[TileEvidence]()
    window_bytes(plan, source, proven)
    assert proven == [TileEvidence.LENGTH]
    damaged = bytearray(source)
    damaged[plan.tiles[0].stop] ^= 1
    with pytest.raises(DamagedTile, match="frame"):
        window_bytes(plan, bytes(damaged))


def test_a_frame_that_the_end_of_the_file_cuts_off_is_not_read_beyond_it() -> None:
    """Of a Deflate tile it does not matter, as that has a checksum."""
    source = window_of(tiff(replace(RASTER, width=16, height=16)), PixelBox(0, 0, 16, 16))[:-3]
    plan = plan_of(source, PixelBox(0, 0, 16, 16))
    (piece,) = lay_out(plan).pieces
    assert piece.frame == Span(piece.source.start - 4, len(source))

    def read(start: int, stop: int) -> bytes:
        assert stop <= len(source)
        return source[start:stop]

    assert read_tile(piece, read)[1] is TileEvidence.CHECKSUM


def test_what_is_worth_remembering() -> None:
    source = tiff(*PYRAMID)
    plan, proven = plan_of(source, PixelBox(32, 32, 64, 64)), list[TileEvidence]()
    window = lay_out(plan)
    window_bytes(plan, source, proven)
    record = record_of(
        plan, window, proven, source="B4.TIF", validator='"v1"', fetched_bytes=12_345
    )
    assert (record.source, record.source_bytes, record.validator) == ("B4.TIF", len(source), '"v1"')
    assert (record.columns, record.rows, record.overviews) == ((32, 64), (32, 64), (2,))
    assert record.size_bytes == window.size_bytes and record.tiles == 5
    assert record.proof == "checksum:5" and record.fetched_bytes == 12_345


def test_tiles_can_be_put_in_place_in_any_order() -> None:
    source = tiff(*PYRAMID)
    plan = plan_of(source, PixelBox(0, 0, 64, 64))
    window = lay_out(plan)
    made = bytearray(window.size_bytes)
    made[: len(window.head)] = window.head
    for piece in reversed(window.pieces):
        data, _ = read_tile(piece, lambda start, stop: source[start:stop])
        at, whole = framed(window, piece, data)
        made[at : at + len(whole)] = whole
    assert bytes(made) == window_bytes(plan, source)
    with pytest.raises(BrokenTiff, match="came with"):
        framed(window, window.pieces[0], b"short")


# --- areas and limits -------------------------------------------------------------------------


def test_a_box_outside_or_without_pixels_is_refused() -> None:
    structure = structure_of_bytes(tiff(RASTER))
    for box in (PixelBox(100, 0, 110, 10), PixelBox(0, -9, 9, 0), PixelBox(0, 70, 1, 71)):
        with pytest.raises(AreaOutside, match="outside"):
            plan_inquiry(structure, box)
    for box in (PixelBox(5, 5, 5, 9), PixelBox(5, 9, 7, 5)):
        with pytest.raises(EmptyArea, match="columns"):
            plan_inquiry(structure, box)
    assert plan_of(tiff(RASTER), PixelBox(-50, -50, 5, 500)).area == PixelBox(0, 0, 5, 70)


def test_a_window_of_too_many_tiles_is_refused_before_any_is_looked_for() -> None:
    tags = {256: (LONG, (16_000,)), 257: (LONG, (16_000,)), 324: (LONG, (8,)), 325: (LONG, (8,))}
    head = bytearray(tiff(replace(RASTER, width=1, height=1, tags=tags)))
    for number in (324, 325):
        at = head.find(struct.pack("<HHI", number, LONG, 1))
        struct.pack_into("<I", head, at + 4, 1000 * 1000)
    inquiry = structure_inquiry(1 << 30)
    inquiry.feed(0, bytes(head).ljust(20_000, b"\0"))
    with pytest.raises(UnsupportedTiff, match="1000000 tiles"):
        plan_inquiry(inquiry.result, PixelBox(0, 0, 16_000, 16_000))
    some = plan_inquiry(inquiry.result, PixelBox(0, 8000, 16, 8032), held=inquiry.held)
    asked = 0
    while some.need is not None:
        asked += some.need.size_bytes
        some.feed(some.need.start, bytes(some.need.size_bytes))
    assert some.result.ranges() == () and asked <= 4 * 16_384, "not the tables' eight megabytes"


def test_tiles_that_overlap_are_refused() -> None:
    source = bytearray(tiff(replace(RASTER, compression=PACKBITS)))
    (image,) = read_tiff(bytes(source))
    sizes = [len(source) - int(offset) for offset in image[324]]
    at = source.find(struct.pack("<35I", *map(int, image[325])))
    struct.pack_into("<35I", source, at, *sizes)
    with pytest.raises(BrokenTiff, match="tiles overlap"):
        plan_of(bytes(source), PixelBox(0, 0, 100, 70))


def test_a_plain_tile_that_claims_more_than_its_pixels_is_taken_without_the_rest() -> None:
    source = bytearray(tiff(replace(RASTER, compression=PLAIN, width=16, height=16)))
    at = source.find(struct.pack("<HHII", 325, LONG, 1, 256))
    struct.pack_into("<I", source, at + 8, 1 << 30)
    plan = plan_of(bytes(source), PixelBox(0, 0, 16, 16))
    assert plan.tile_bytes == 256
    assert math.prod(read_tiff(window_bytes(plan, bytes(source)))[0].size) == 256
