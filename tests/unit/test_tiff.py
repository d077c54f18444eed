"""TIFF files that claim too much: refused, with little read and little held."""

from __future__ import annotations

import io
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.transfer.verification import tiff
from asyncdl.transfer.verification.malformed import Doubtful, Malformed
from asyncdl.transfer.verification.tiff import check_tiff
from tests.unit.test_structure import TILES, tiff_bytes

SOUND = [
    tiff_bytes(),
    tiff_bytes(">", tags=TILES),
    tiff_bytes(big=True),
    tiff_bytes(">", big=True, tags=TILES),
]


class CountingFile(io.BytesIO):
    """Counts the bytes that are read."""

    read_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.read_bytes += len(data)
        return data


def refuse(data: bytes, problem: str) -> int:
    """Have a file refused; return how many bytes were read for that."""
    file = CountingFile(data)
    with pytest.raises(Malformed, match=problem):
        check_tiff(file, len(data))
    return file.read_bytes


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack("<HHII", tag, kind, count, value)


def directory(*entries: bytes, following: int = 0) -> bytes:
    return struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", following)


@pytest.mark.slow
@given(st.sampled_from(SOUND), st.data())
def test_any_damage_is_refused_or_does_no_harm(sound: bytes, draw: st.DataObject) -> None:
    """Nothing but a refusal is raised, whatever bytes are changed, lost or added."""
    data = bytearray(sound)
    for _ in range(draw.draw(st.integers(1, 6))):
        at = draw.draw(st.integers(0, len(data) - 1))
        patch = draw.draw(
            st.sampled_from([b"\0\0\0\0", b"\xff" * 8, b"\x7f"]) | st.binary(max_size=8)
        )
        data[at : at + len(patch)] = patch
    damaged = bytes(data[: draw.draw(st.integers(0, len(data)))]) + draw.draw(st.binary(max_size=9))
    try:
        check_tiff(io.BytesIO(damaged), len(damaged))
    except Malformed:
        return


@given(st.sampled_from(tiff.MAGICS), st.binary(max_size=200))
def test_any_bytes_behind_the_first_four_are_a_file_or_are_refused(
    magic: bytes, rest: bytes
) -> None:
    try:
        check_tiff(io.BytesIO(magic + rest), len(magic + rest))
    except Malformed:
        return


@pytest.mark.slow
def test_directories_that_overlap_are_not_read_for_ever() -> None:
    """Thousands of them, of ten thousands of entries each, fit into one megabyte."""
    data = bytearray(b"II*\0" + struct.pack("<I", 8)).ljust(1_200_000, b"\0")
    for offset in range(8, 8 + 64 * 1000, 64):
        struct.pack_into("<H", data, offset, 60_000)
        struct.pack_into("<I", data, offset + 2 + 60_000 * 12, offset + 64)
    assert refuse(bytes(data), "more entries") < 8 * len(data)


def test_a_long_chain_of_directories_comes_to_an_end() -> None:
    chain = b"".join(directory(following=8 + 6 * (n + 1)) for n in range(5000))
    assert refuse(b"II*\0" + struct.pack("<I", 8) + chain + bytes(6), "circle") < 40_000


@pytest.mark.parametrize("count", [0, 1, 3, 1 << 16, (1 << 16) + 1, 200_000])
def test_offsets_are_looked_at_to_the_last(count: int) -> None:
    """However many are read at once."""
    head = b"II*\0" + struct.pack("<I", 8)
    tables_at = 8 + 2 + 2 * 12 + 4
    sizes_at = tables_at + 4 * count
    last = sizes_at + 4 * count - 1

    def build(last_offset: int) -> bytes:
        offsets = struct.pack(f"<{count}I", *[8] * (count - 1), *[last_offset][:count])
        sizes = struct.pack(f"<{count}I", *[1] * count)
        first, second = (tables_at, sizes_at) if count > 1 else (last_offset, 1)
        table = directory(entry(273, 4, count, first), entry(279, 4, count, second))
        return head + table + (offsets + sizes if count > 1 else b"").ljust(8 * count, b"\0")

    check_tiff(io.BytesIO(build(last)), last + 1)
    if count:
        refuse(build(last + 1), "strip or tile ends beyond")


def test_of_plain_pixels_no_more_than_they_need_has_to_be_there() -> None:
    """Sizes that claim too much are passed by, as readers do: of one strip, or of the last."""
    tables_at = 8 + 2 + 8 * 12 + 4
    pixels_at = tables_at + 4 * 4

    def build(compression: int, *more: bytes) -> bytes:
        table = directory(
            entry(256, 3, 1, 10),
            entry(257, 3, 1, 5),
            entry(258, 3, 1, 12),
            entry(259, 3, 1, compression),
            entry(278, 3, 1, 3),
            *(more or (entry(277, 3, 1, 2),)),
            entry(273, 4, 2, tables_at),
            entry(279, 4, 2, tables_at + 8),
        )
        # Three rows of 10 pixels of two samples of 12 bits, and two rows.
        values = struct.pack("<4I", pixels_at, pixels_at + 90, 90, 9000)
        return b"II*\0" + struct.pack("<I", 8) + table + values + bytes(150)

    sound = build(1)
    check_tiff(io.BytesIO(sound), len(sound))
    refuse(sound[:-1], "strip or tile ends beyond")
    refuse(build(5), "strip or tile ends beyond")
    refuse(build(1, entry(262, 3, 1, 6)), "strip or tile ends beyond")


def test_strips_that_the_image_has_no_rows_for_are_not_looked_at() -> None:
    table = directory(
        entry(257, 3, 1, 2), entry(259, 3, 1, 5), entry(273, 3, 2, 8 | 9 << 16), entry(279, 3, 2, 0)
    )
    data = bytearray(b"II*\0" + struct.pack("<I", 8) + table)
    struct.pack_into("<HH", data, len(data) - 8, 4, 4000)
    check_tiff(io.BytesIO(data), len(data))
    struct.pack_into("<HH", data, len(data) - 8, 4000, 4)
    refuse(bytes(data), "strip or tile ends beyond")


def test_solids_need_more_than_one_plane() -> None:
    def build(depth: int) -> bytes:
        table = directory(
            entry(256, 3, 1, 8),
            entry(257, 3, 1, 8),
            entry(32997, 3, 1, depth),
            entry(273, 3, 1, 8),
            entry(279, 3, 1, 16 * 8),
        )
        return b"II*\0" + struct.pack("<I", 8) + table

    check_tiff(io.BytesIO(build(1)), len(build(1)))
    refuse(build(16), "strip or tile ends beyond")


@pytest.mark.parametrize(
    ("end", "doubt"),
    [(b"", "lacks its end"), (b"\0\0", "lacks its end"), (b"\xff" * 4, "beyond the end")],
)
def test_what_stands_behind_the_last_directory_is_only_odd(end: bytes, doubt: str) -> None:
    """Readers take the images in front of it."""
    table = directory(entry(257, 3, 1, 2), entry(273, 3, 1, 8), entry(279, 3, 1, 9))
    data = b"II*\0" + struct.pack("<I", 8) + table[:-4] + end
    with pytest.raises(Doubtful, match=doubt):
        check_tiff(io.BytesIO(data), len(data))


@pytest.mark.parametrize(
    ("count", "at"), [(60_000, 60), (2, 60_000)], ids=["too many", "elsewhere"]
)
def test_sizes_that_are_not_there_are_only_odd(count: int, at: int) -> None:
    """Readers look at as many as there are strips, and find a size out themselves."""
    table = directory(entry(257, 3, 1, 2), entry(279, 4, count, at), entry(273, 4, 1, 8))
    data = b"II*\0" + struct.pack("<I", 8) + table.ljust(52, b"\0") + struct.pack("<I", 9)
    with pytest.raises(Doubtful, match="tag 279 points beyond"):
        check_tiff(io.BytesIO(data), len(data))


def test_an_oddity_does_not_hide_what_is_broken_behind_it() -> None:
    table = directory(entry(282, 5, 1, 60_000), entry(273, 3, 1, 8), entry(279, 3, 1, 9000))
    data = b"II*\0" + struct.pack("<I", 8) + table[:-4]
    with pytest.raises(Malformed, match="strip or tile ends beyond") as refused:
        check_tiff(io.BytesIO(data), len(data))
    assert not isinstance(refused.value, Doubtful)


@pytest.mark.slow
def test_many_tiles_take_little_memory() -> None:
    count, tables_at = 1_000_000, 8 + 30
    data = b"II*\0" + struct.pack("<I", 8)
    data += directory(entry(324, 4, count, tables_at), entry(325, 4, count, tables_at))
    file = io.BytesIO(data + bytes(4 * count))
    tracemalloc.start()
    check_tiff(file, len(data) + 4 * count)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 8 << 20


def test_images_that_share_their_tables_are_not_looked_at_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tiff, "_MAX_VALUES", 1000)
    tables_at = 8 + 30 * 10
    images = b"".join(
        directory(entry(273, 4, 400, tables_at), entry(279, 4, 400, tables_at), following=following)
        for following in [*range(38, 308, 30), 0]
    )
    data = b"II*\0" + struct.pack("<I", 8) + images + bytes(1600)
    assert refuse(data, "more strips or tiles") < 10_000


def test_more_values_than_there_may_be_are_not_read() -> None:
    count = (1 << 23) + 1
    data = b"II*\0" + struct.pack("<I", 8)
    data += directory(entry(273, 1, count, 8), entry(279, 1, count, 8)) + bytes(count)
    assert refuse(data, "more strips or tiles") < 100
