"""The bytes: rasters, tars, texts, digests."""

from __future__ import annotations

import io
import json
import random
import shutil
import struct
import subprocess
import tarfile
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncdl.sandbox import geometry, rasters
from asyncdl.sandbox.cogs import Cog, CogShape
from asyncdl.sandbox.file_contents import FileContents, RasterSize
from asyncdl.sandbox.landsat_scenes import fixed_scenes
from asyncdl.sandbox.mtl_files import text_file
from asyncdl.sandbox.product_rows import rows_of
from asyncdl.sandbox.rasters import Raster, scene_frame
from asyncdl.sandbox.scene_catalog import Catalog
from asyncdl.sandbox.scene_files import files_of
from asyncdl.sandbox.sized_content import (
    Blob,
    Bundle,
    Flipped,
    PosixCrc,
    digest,
    read_all,
    smallest_jpeg,
)
from asyncdl.windows import (
    PixelBox,
    TileEvidence,
    finish,
    lay_out,
    plan_inquiry,
    read_tile,
    structure_inquiry,
)
from asyncdl.windows.window_errors import DamagedTile

SCENE = fixed_scenes()[0]


def raster(shape: rasters.Shape, name: str = "a.TIF") -> Raster:
    return Raster(name, shape, rasters.utm_frame(SCENE.footprint))


@given(st.data())
def test_any_range_of_a_raster_is_a_slice_of_the_whole(data: st.DataObject) -> None:
    size_bytes = data.draw(st.integers(600, 200_000))
    tif = raster(rasters.of_size(size_bytes, data.draw(st.sampled_from([1, 2]))))
    whole = read_all(tif)
    start = data.draw(st.integers(0, size_bytes))
    stop = data.draw(st.integers(start, size_bytes))
    assert len(whole) == size_bytes == tif.size
    assert tif.read(start, stop) == whole[start:stop]


@given(st.integers(600, 5_000_000), st.sampled_from([1, 2]))
def test_pixels_fill_the_file_to_its_last_byte(size_bytes: int, width: int) -> None:
    shape = rasters.of_size(size_bytes, width)
    assert shape.first_pixel + shape.height * shape.row_bytes == size_bytes
    assert shape.first_pixel >= 512 + 8 * shape.strips
    assert shape.height * shape.row_bytes > 0


def test_raster_too_small_for_a_pixel_is_refused() -> None:
    with pytest.raises(ValueError, match="no room for pixels"):
        rasters.of_size(500, 1)


def test_no_two_files_and_no_two_rows_have_the_same_pixels() -> None:
    shape = rasters.square(64, 2)
    pixels = read_all(raster(shape))[shape.first_pixel :]
    rows = {pixels[n : n + shape.row_bytes] for n in range(0, len(pixels), shape.row_bytes)}
    assert len(rows) == 64
    assert read_all(raster(shape, "b.TIF")) != read_all(raster(shape))


def test_keys_of_a_projection_stand_in_order_and_point_at_its_numbers() -> None:
    """GDAL 3.10 reads these as an Albers projection of WGS 84."""
    cone = (29.5, 45.5, 23.0, -96.0)
    tif = Raster("a", rasters.square(64, 2), rasters.albers_frame((0, 0, 150_000, 150_000), cone))
    tags = directory(tif.read(0, 512))
    keys = struct.unpack(f"<{len(tags[34735]) // 2}H", tags[34735])
    entries = [keys[n : n + 4] for n in range(4, len(keys), 4)]
    assert keys[3] == len(entries)
    assert entries == sorted(entries)
    numbers = struct.unpack("<6d", tags[34736])
    found = {key: numbers[value] for key, place, _, value in entries if place == 34736}
    assert (found[3078], found[3079], found[3081], found[3080]) == cone


def directory(head: bytes) -> dict[int, bytes]:
    """Return the values of a TIFF's tags."""
    sizes = {2: 1, 3: 2, 4: 4, 12: 8}
    tags = {}
    (count,) = struct.unpack_from("<H", head, 8)
    for at in range(10, 10 + 12 * count, 12):
        tag, kind, items = struct.unpack_from("<HHI", head, at)
        length = items * sizes[kind]
        start = at + 8 if length <= 4 else struct.unpack_from("<I", head, at + 8)[0]
        tags[tag] = head[start : start + length]
    return tags


@pytest.mark.skipif(not shutil.which("gdalinfo"), reason="needs GDAL's tools")
@pytest.mark.parametrize("shape", [rasters.square(64, 2), rasters.of_size(300_000, 1)])
def test_gdal_opens_a_raster_and_puts_it_over_the_scene(
    shape: rasters.Shape, tmp_path: Path
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(read_all(raster(shape)))
    ran = subprocess.run(
        ["gdalinfo", "-json", "-checksum", str(path)], capture_output=True, check=True
    )
    info = json.loads(ran.stdout)
    assert info["size"] == [shape.width, shape.height]
    assert 'ID["EPSG",32606]' in info["coordinateSystem"]["wkt"]
    outline = tuple(map(tuple, info["wgs84Extent"]["coordinates"][0][:4]))
    assert all(geometry.encloses(outline, _inwards(corner)) for corner in SCENE.footprint)


def _inwards(corner: geometry.Point) -> geometry.Point:
    """Return a point a little nearer to the middle of the scene."""
    lon, lat = -148.44, 61.47
    return corner[0] + (lon - corner[0]) / 50, corner[1] + (lat - corner[1]) / 50


@given(st.lists(st.binary(max_size=1500), max_size=5), st.data())
def test_bundle_is_a_tar_of_which_any_range_can_be_read(
    contents: list[bytes], data: st.DataObject
) -> None:
    bundle = Bundle([(f"{n}.bin", Blob(content)) for n, content in enumerate(contents)], mtime=7)
    whole = read_all(bundle)
    start = data.draw(st.integers(0, bundle.size))
    stop = data.draw(st.integers(start, bundle.size))
    assert bundle.read(start, stop) == whole[start:stop]
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        members = [tar.extractfile(member) for member in tar.getmembers()]
        assert [member.read() for member in members if member] == contents


def test_jpeg_has_the_marks_of_one() -> None:
    assert smallest_jpeg().startswith(b"\xff\xd8\xff\xe0")
    assert smallest_jpeg().endswith(b"\xff\xd9")


def test_metadata_speak_of_their_product_in_three_forms() -> None:
    xml = ET.fromstring(text_file(SCENE, "MTL.xml"))
    product = xml.findtext("PRODUCT_CONTENTS/LANDSAT_PRODUCT_ID")
    assert product == SCENE.display_id
    groups = json.loads(text_file(SCENE, "MTL.json"))["LANDSAT_METADATA_FILE"]
    assert groups["PROJECTION_ATTRIBUTES"]["UTM_ZONE"] == "6"
    assert float(groups["IMAGE_ATTRIBUTES"]["SUN_ELEVATION"]) == pytest.approx(22, abs=4)
    text = text_file(SCENE, "MTL.txt").decode()
    assert 'LANDSAT_PRODUCT_ID = "LC08_L2SP_068017_20200310_20200822_02_T1"' in text
    assert text.endswith("END\n")
    assert b"LC80680172020070LGN00" in text_file(SCENE, "ANG.txt")


def test_json_metadata_are_one_line_or_indented() -> None:
    """Both forms are among the scenes; what they say has the same shape."""
    lines = {text_file(scene, "MTL.json").count(b"\n") > 0: scene for scene in fixed_scenes()}
    assert set(lines) == {True, False}
    for scene in lines.values():
        groups = json.loads(text_file(scene, "MTL.json"))["LANDSAT_METADATA_FILE"]
        assert groups["PRODUCT_CONTENTS"]["LANDSAT_PRODUCT_ID"] == scene.display_id


@pytest.mark.parametrize(
    ("content", "cksum"),
    [(b"", 4_294_967_295), (b"123456789", 930_766_865), (b"a" * 1000, 145_108_180)],
)
def test_cksum_is_that_of_posix(content: bytes, cksum: int) -> None:
    crc = PosixCrc()
    crc.update(content[:4])
    crc.update(content[4:])
    assert crc.value(len(content)) == cksum == digest(Blob(content)).cksum


def test_archive_knows_sizes_without_making_files_and_skips_huge_digests() -> None:
    archive = FileContents(Catalog(), RasterSize(size_bytes=50_000_000), seed=0)
    file = files_of(SCENE)[-1]
    assert archive.file_size(SCENE, file) == archive.file(SCENE, file).size == 50_000_000
    assert archive.digests(SCENE, file) is None
    bundle = rows_of(SCENE.dataset)[0]
    assert archive.product_size(SCENE, bundle) < archive.product(SCENE, bundle).size


class TestRastersOfFullSize:
    """Their tiles are made when they are read, so nothing here reads all of one."""

    frame = scene_frame(SCENE.footprint)
    file = Cog("A_SR_B4.TIF", CogShape.of_frame(frame, 2), frame)

    def test_they_have_a_pixel_for_each_30_metres_and_overviews_to_one_tile(self) -> None:
        levels = finish(structure_inquiry(self.file.size), self.file.read).levels
        assert levels[0].image.tile_width == 256
        assert min(levels[0].image.width, levels[0].image.height) > 7000
        assert [level.factor for level in levels] == [1, 2, 4, 8, 16, 32, 64]
        assert levels[-1].image.tile_count == 1

    def test_what_is_read_in_parts_is_what_is_read_at_once(self) -> None:
        size, chance = self.file.size, random.Random(1)
        for _ in range(20):
            start = chance.randrange(size - 400_000)
            cuts = sorted(chance.sample(range(start, start + 400_000), 4))
            parts = [self.file.read(a, b) for a, b in pairwise(cuts)]
            assert b"".join(parts) == self.file.read(cuts[0], cuts[-1])
        assert len(self.file.read(size - 10, size)) == 10

    def test_each_tile_has_the_checksum_of_its_pixels_and_no_two_are_equal(self) -> None:
        data = self.file.read
        structure = finish(structure_inquiry(self.file.size), data)
        plan = finish(plan_inquiry(structure, PixelBox(3000, 3000, 3700, 3600)), data)
        tiles = [read_tile(piece, data) for piece in lay_out(plan).pieces]
        assert len({tile for tile, _ in tiles}) == len(tiles) >= 9
        assert {evidence for _, evidence in tiles} == {TileEvidence.CHECKSUM}

    def test_sizes_are_listed_without_reading_and_texts_stay_as_they_are(self) -> None:
        full = FileContents(Catalog(), RasterSize(is_full=True), seed=0)
        small = FileContents(Catalog(), RasterSize(), seed=0)
        for file in files_of(SCENE):
            if file.suffix.endswith(".TIF"):
                assert full.file_size(SCENE, file) == full.file(SCENE, file).size > 10**7
            else:
                assert full.file_size(SCENE, file) == small.file_size(SCENE, file)

    def test_a_changed_byte_is_one_that_the_checksum_sees(self) -> None:
        structure = finish(structure_inquiry(self.file.size), self.file.read)
        plan = finish(plan_inquiry(structure, PixelBox(0, 0, 1, 1)), self.file.read)
        (piece,) = lay_out(plan).pieces
        spot = self.file.harmless_byte(piece.frame.start, piece.frame.stop, 0)
        assert spot is not None
        with pytest.raises(DamagedTile):
            read_tile(piece, Flipped(self.file, spot).read)
