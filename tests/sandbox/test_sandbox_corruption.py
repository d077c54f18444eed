"""Wrong bytes in a right form."""

from __future__ import annotations

import io
import tarfile
import xml.etree.ElementTree as ET

import pytest

from asyncdl.sandbox import Faults
from asyncdl.sandbox.landsat_scenes import fixed_scenes
from asyncdl.sandbox.rasters import Raster, of_size, utm_frame
from asyncdl.sandbox.sized_content import Blob, Flipped, read_all
from tests.sandbox.m2m_caller import BUNDLE, PLAIN, PRODUCT, RED_FILE, SCENE, open_caller

XML = f"L2ST_{PRODUCT}_MTL_XML"


def wrong_bits(data: bytes, content: bytes) -> list[int]:
    """Return the offsets of bytes that differ by their lowest bit; others fail."""
    assert len(data) == len(content)
    differing = [n for n, (a, b) in enumerate(zip(data, content, strict=True)) if a != b]
    assert all(data[n] ^ content[n] == 1 for n in differing)
    return differing


async def test_corrupt_raster_has_one_wrong_pixel_and_a_right_head() -> None:
    async with open_caller(Faults(corrupt=1.0)) as call:
        url, content = await call.url(), call.service.file_bytes(RED_FILE)
        [spot] = wrong_bits((await call.get(url))[2], content)
        assert spot >= 512
        assert (await call.get(url))[2] == content, "it is fetched once more, and right"


@pytest.mark.parametrize("times", [2, 0])
async def test_corruption_lasts_as_long_as_is_wished(times: int) -> None:
    async with open_caller(Faults(corrupt=1.0, corrupt_times=times)) as call:
        url, content = await call.url(), call.service.file_bytes(RED_FILE)
        wrong = [(await call.get(url))[2] != content for _ in range(4)]
        assert wrong == [True, True, not times, not times]


async def test_corrupt_metadata_are_still_xml() -> None:
    async with open_caller(Faults(corrupt=1.0)) as call:
        _, _, body = await call.get(await call.url(XML, PLAIN))
        assert len(wrong_bits(body, call.service.file_bytes(f"{PRODUCT}_MTL.xml"))) == 1
        ET.fromstring(body.decode())


async def test_part_without_pixels_is_never_corrupt_and_spends_nothing() -> None:
    async with open_caller(Faults(corrupt=1.0)) as call:
        url, content = await call.url(), call.service.file_bytes(RED_FILE)
        assert (await call.get(url, Range="bytes=0-99"))[2] == content[:100]
        assert len(wrong_bits((await call.get(url, Range="bytes=600-"))[2], content[600:])) == 1


async def test_bundle_with_a_corrupt_member_is_a_sound_tar() -> None:
    async with open_caller(Faults(corrupt_members=1.0)) as call:
        url = await call.url(SCENE, BUNDLE)
        _, _, body = await call.get(url)
        assert len(wrong_bits(body, call.service.bundle_bytes(PRODUCT))) == 1
        assert len(members_that_are_wrong(body, call.service.file_bytes)) == 1
        assert (await call.get(url))[2] == call.service.bundle_bytes(PRODUCT)


async def test_bundle_that_lacks_a_member_is_a_sound_tar_with_another_etag() -> None:
    async with open_caller(Faults(members_missing=1.0, bundle_etag=True)) as call:
        url = await call.url(SCENE, BUNDLE)
        (_, first, body), (_, second, whole) = await call.get(url), await call.get(url)
        assert whole == call.service.bundle_bytes(PRODUCT)
        assert len(names_in(whole) - names_in(body)) == 1
        assert members_that_are_wrong(body, call.service.file_bytes) == []
        assert first["ETag"] != second["ETag"]


def names_in(tar: bytes) -> set[str]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return set(archive.getnames())


def members_that_are_wrong(tar: bytes, content: object) -> list[str]:
    """Return the rasters of a tar that are not as they should be."""
    assert callable(content)
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return [
            member.name
            for member in archive
            if member.name.endswith(".TIF")
            and (file := archive.extractfile(member))
            and file.read() != content(member.name)
        ]


@pytest.mark.parametrize(("start", "stop"), [(0, 512), (512, 512), (9_000, 9_500)])
def test_raster_has_no_soft_spot_outside_its_pixels(start: int, stop: int) -> None:
    raster = Raster("a.TIF", of_size(9_000, 2), utm_frame(fixed_scenes()[0].footprint))
    assert raster.harmless_byte(start, stop, 0.5) is None


def test_text_without_values_has_no_soft_spot() -> None:
    assert Blob(b"1 2 3").harmless_byte(0, 5, 0.0) is None
    assert Blob(b"<?xml version='1.0'?>").harmless_byte(0, 99, 0.0) is None


def test_flipped_bit_shows_in_its_own_range_only() -> None:
    content = Flipped(Blob(b"A = 17\n"), 5)
    assert read_all(content) == b"A = 16\n"
    assert (content.read(0, 5), content.read(5, 6), content.read(6, 7)) == (b"A = 1", b"6", b"\n")
