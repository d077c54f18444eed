"""Windows of files that GDAL has made, beside the same windows of the whole read by GDAL.

Rasters of four kinds of Landsat product, with what their real ones have: sizes of tiles,
types, predictors, coordinate systems, values for no data, overviews, in the layout of
cloud-optimised GeoTIFFs. ``make extras``.
"""

from __future__ import annotations

import importlib
import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from asyncdl.items.projections import Albers, Crs
from asyncdl.job.places.exact_window import cut_to_pixels
from asyncdl.windows import (
    OverviewRule,
    PixelBox,
    TileEvidence,
    WindowPlan,
    boxes_of_area,
    georeference_of,
    plan_inquiry,
    structure_inquiry,
)
from asyncdl.windows.area_boxes import ring_of_bbox
from asyncdl.windows.projecting import projector_of
from tests.windows.handmade import ALL, plan_of, structure_of_bytes, window_bytes

rasterio: Any = pytest.importorskip("rasterio", reason="rasterio is not installed: make extras")
tifffile: Any = pytest.importorskip("tifffile", reason="tifffile is not installed: make extras")
numpy: Any = pytest.importorskip("numpy", reason="numpy is not installed: make extras")
shutil: Any = importlib.import_module("rasterio.shutil")
windows: Any = importlib.import_module("rasterio.windows")
warp: Any = importlib.import_module("rasterio.warp")

pytestmark = pytest.mark.filterwarnings(
    # rasterio's own way with affine.
    "ignore:Use `@` matmul instead:PendingDeprecationWarning"
)

UTM, ALBERS = "EPSG:32606", (
    "+proj=aea +lat_0=23 +lon_0=-96 +lat_1=29.5 +lat_2=45.5 +x_0=0 +y_0=0 +datum=WGS84 +units=m"
)  # fmt: skip
WIDTH, HEIGHT, TILE = 650, 520, 64


@dataclass(frozen=True)
class Sensor:
    """What rasters of a product have in common."""

    dtype: str
    no_data: float | None
    low: int
    high: int
    crs: str = UTM
    corner: tuple[float, float] = (374_085.0, 6_851_715.0)


SENSORS = {
    "oli": Sensor("uint16", 0, 7273, 43_636),
    "tm": Sensor("uint8", None, 1, 255),
    "st": Sensor("int16", -9999, -9999, 12_000, corner=(374_100.0, 6_851_700.0)),
    "ard": Sensor("uint16", 0, 7273, 43_636, ALBERS, (-1_665_585.0, 2_264_805.0)),
}
COMPRESSIONS = {
    "DEFLATE": {"predictor": "YES"},
    "LZW": {"predictor": "YES"},
    "ZSTD": {},
    "NONE": {},
}
SEEN = {
    "DEFLATE": {TileEvidence.CHECKSUM},
    "LZW": {TileEvidence.DECODED},
    "ZSTD": {TileEvidence.DECODED, TileEvidence.CHECKSUM},
    "NONE": {TileEvidence.LENGTH},
}
WINDOWS_EACH = 13
"""Of 16 rasters: 208."""


def pixels(dtype: str, low: int, high: int, *, bands: int = 1, seed: int = 1) -> Any:
    """Return values that compress as a landscape does: neighbours are alike."""
    chance = numpy.random.default_rng(seed)
    steps = chance.integers(-2, 3, (bands, HEIGHT, WIDTH)).cumsum(axis=2).cumsum(axis=1)
    return (low + numpy.abs(steps) % (high - low + 1)).astype(dtype)


def profile(sensor: Sensor, bands: int = 1) -> dict[str, Any]:
    left, top = sensor.corner
    transform = rasterio.transform.from_origin(left, top, 30, 30)
    return {
        "driver": "GTiff", "dtype": sensor.dtype, "count": bands, "width": WIDTH, "height": HEIGHT,
        "crs": sensor.crs, "transform": transform, "nodata": sensor.no_data,
    }  # fmt: skip


def write_cog(path: Path, sensor: Sensor, compression: str) -> bytes:
    plain = path.with_suffix(".plain.tif")
    with rasterio.open(plain, "w", **profile(sensor)) as raster:
        raster.write(pixels(sensor.dtype, sensor.low, sensor.high))
        raster.update_tags(1, STATISTICS_MEAN="1", UNITS="reflectance")
    options = {"compress": compression, "blocksize": TILE, **COMPRESSIONS[compression]}
    shutil.copy(plain, path, driver="COG", **options)
    return path.read_bytes()


@pytest.fixture
def no_words_of_readers(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Let a test fail when GDAL or tifffile warns of what it reads."""
    yield
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert said == []


def random_box(chance: random.Random, width: int = WIDTH, height: int = HEIGHT) -> PixelBox:
    across = chance.choice([1, 90, 167, width])
    across, down = chance.randint(1, across), chance.randint(1, min(across, height))
    left, top = chance.randint(0, width - across), chance.randint(0, height - down)
    return PixelBox(left, top, left + across, top + down)


def assert_same(plan: WindowPlan, source: Path, made: Path) -> None:
    """Compare a window's file with the same window of the source, overviews and all."""
    box, factors = plan.box, [part.part for part in plan.parts if not part.part.is_mask]
    with rasterio.open(source) as whole, rasterio.open(made) as window:
        assert window.overviews(1) == [part.factor for part in factors[1:]]
        assert (window.crs, window.nodata) == (whole.crs, whole.nodata)
        assert window.transform == whole.window_transform(area(box))
        assert (window.scales, window.descriptions) == (whole.scales, whole.descriptions)
        assert window.colorinterp == whole.colorinterp
        if not plan.is_whole:
            wanted = {k: v for k, v in whole.tags(1).items() if not k.startswith("STATISTICS")}
            assert window.tags(1) == wanted
    known = [level.factor for level in plan.structure.levels]
    for number, part in enumerate(factors):
        with (
            open_level(source, known.index(part.factor) - 1) as whole,
            open_level(made, number - 1) as window,
        ):
            where = area(part.box)
            assert numpy.array_equal(whole.read(window=where), window.read())
            assert numpy.array_equal(whole.dataset_mask(window=where), window.dataset_mask())


def open_level(path: Path, overview: int) -> Any:
    """Open an overview, counted from 0, or the raster itself."""
    return rasterio.open(path) if overview < 0 else rasterio.open(path, overview_level=overview)


def area(box: PixelBox) -> Any:
    return windows.Window(box.left, box.top, box.width, box.height)


@pytest.mark.slow
@pytest.mark.usefixtures("no_words_of_readers")
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("name", SENSORS)
def test_a_window_is_pixel_by_pixel_that_of_the_whole(
    tmp_path: Path, name: str, compression: str
) -> None:
    source, made = tmp_path / "source.tif", tmp_path / "made.tif"
    data = write_cog(source, SENSORS[name], compression)
    chance = random.Random(name + compression)
    for number in range(WINDOWS_EACH):
        box = random_box(chance)
        plan = plan_of(data, box, ALL if number % 4 == 0 else None)
        proven: list[TileEvidence] = []
        made.write_bytes(window_bytes(plan, data, proven))
        assert set(proven) <= SEEN[compression]
        assert_same(plan, source, made)
        with rasterio.open(made) as window:
            assert window.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    with tifffile.TiffFile(made) as other, rasterio.open(made) as window:
        assert other.pages[0].shape == (plan.box.height, plan.box.width)
        if compression in ("DEFLATE", "NONE"):  # what it decodes without further packages
            assert numpy.array_equal(other.pages[0].asarray(), window.read(1))


Write = Callable[..., Path]
TILED = {"tiled": True, "blockxsize": TILE, "blockysize": TILE}
KINDS: dict[str, dict[str, Any]] = {
    "strips": {"compress": "DEFLATE", "predictor": 2, "blockysize": 16},
    "strips of one row": {"compress": "PACKBITS", "blockysize": 1},
    "one strip": {"compress": "LZW", "blockysize": HEIGHT},
    "oblong tiles": {"compress": "DEFLATE", "tiled": True, "blockxsize": 64, "blockysize": 256},
    "planes": {"bands": 3, "compress": "LZW", "interleave": "band", **TILED},
    "pixels of four": {"bands": 4, "compress": "DEFLATE", "interleave": "pixel", **TILED},
    "a mask": {"mask": True, "compress": "DEFLATE", **TILED},
    "a mask over planes": {"mask": True, "bands": 2, "interleave": "band", **TILED},
    "big endian": {"bands": 2, "ENDIANNESS": "BIG", "compress": "LZW", "predictor": 2, **TILED},
    "bigtiff": {"BIGTIFF": "YES", "compress": "DEFLATE", **TILED},
    "32 bits": {"dtype": "float32", "compress": "ZSTD", "predictor": 3, **TILED},
    "a bit": {"dtype": "uint8", "nbits": 1, "compress": "PACKBITS", **TILED},
    "sparse": {"is_sparse": True, "SPARSE_OK": "TRUE", "compress": "DEFLATE", **TILED},
    "jpeg": {"dtype": "uint8", "bands": 3, "compress": "JPEG", "photometric": "YCBCR", **TILED},
    "lerc": {"dtype": "float32", "compress": "LERC", **TILED},
    "xz": {"compress": "LZMA", **TILED},
    "webp": {"dtype": "uint8", "bands": 3, "compress": "WEBP", **TILED},
    "fax": {"dtype": "uint8", "nbits": 1, "compress": "CCITTFAX4", **TILED},
    "12 bits": {"nbits": 12, "compress": "DEFLATE", **TILED},
    "white is zero": {"dtype": "uint8", "photometric": "MINISWHITE", **TILED},
    "coordinates of middles": {"is_of_points": True, "compress": "LZW", **TILED},
}


def write_kind(
    path: Path,
    *,
    bands: int = 1,
    dtype: str = "uint16",
    mask: bool = False,
    is_sparse: bool = False,
    is_of_points: bool = False,
    **options: Any,
) -> None:
    """Write a raster of some kind with overviews of 2 and 4; nothing of it in a good order."""
    settings = profile(Sensor(dtype, None, 1, 200), bands) | options
    values = pixels(dtype, 0, 1 if options.get("nbits") == 1 else 200, bands=bands)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True, GDAL_TIFF_OVR_BLOCKSIZE=str(TILE)):
        with rasterio.open(path, "w", **settings) as raster:
            if is_of_points:
                raster.update_tags(AREA_OR_POINT="Point")
            if is_sparse:
                raster.write(values[:, :300, :300], window=windows.Window(0, 0, 300, 300))
            else:
                raster.write(values)
            if mask:
                raster.write_mask((values[0] % 5 > 0).astype("uint8") * 255)
            raster.scales, raster.descriptions = (0.5,) * bands, ("band",) * bands
        with rasterio.open(path, "r+") as raster:
            raster.build_overviews((2, 4))


@pytest.mark.slow
@pytest.mark.usefixtures("no_words_of_readers")
@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_of_tiff_has_windows(tmp_path: Path, kind: str) -> None:
    source, made = tmp_path / "source.tif", tmp_path / "made.tif"
    write_kind(source, **KINDS[kind])
    data, chance = source.read_bytes(), random.Random(kind)
    for rule in (None, ALL, OverviewRule(growth=0)):
        plan = plan_of(data, random_box(chance), rule)
        made.write_bytes(window_bytes(plan, data))
        assert plan.structure.notes == ()
        assert_same(plan, source, made)


@pytest.mark.parametrize("kind", KINDS)
def test_any_kind_is_cut_to_the_very_pixels(tmp_path: Path, kind: str) -> None:
    source, made = tmp_path / "source.tif", tmp_path / "made.tif"
    write_kind(source, **KINDS[kind])
    box = random_box(random.Random(kind))
    made.write_bytes(cut_to_pixels(source.read_bytes(), box))
    with rasterio.open(source) as whole, rasterio.open(made) as exact:
        where = area(box)
        assert numpy.array_equal(whole.read(window=where), exact.read())
        assert numpy.array_equal(whole.dataset_mask(window=where), exact.dataset_mask())
        assert exact.transform == whole.window_transform(where)
        for fact in ("crs", "nodatavals", "scales", "descriptions", "colorinterp", "interleaving"):
            assert getattr(exact, fact) == getattr(whole, fact), fact
        assert exact.tags() == whole.tags()
        assert exact.tags(1, ns="IMAGE_STRUCTURE") == whole.tags(1, ns="IMAGE_STRUCTURE")
        lossy = {"JPEG", "WEBP"}
        kept = exact.compression == whole.compression
        assert kept or (KINDS[kind]["compress"] in lossy and exact.compression.value == "DEFLATE")


def test_of_a_real_head_one_request_is_enough(tmp_path: Path) -> None:
    data = write_cog(tmp_path / "source.tif", SENSORS["oli"], "DEFLATE")
    inquiry = structure_inquiry(len(data))
    assert inquiry.need is not None
    inquiry.feed(0, data[: inquiry.need.stop])
    plan = plan_inquiry(inquiry.result, PixelBox(300, 300, 467, 467), held=inquiry.held)
    assert plan.need is None and len(plan.result.ranges()) <= 4


PROJECTIONS = {
    UTM: (Crs(32606), (-147.0, 61.0)),
    "EPSG:32733": (Crs(32733), (14.0, -22.0)),
    "EPSG:3031": (Crs(3031), (166.0, -77.8)),
    "EPSG:3413": (Crs(3413), (-45.0, 72.0)),
    ALBERS: (Crs(None, Albers(29.5, 45.5, 23.0, -96.0)), (-110.0, 40.0)),
}


@pytest.mark.parametrize("text", PROJECTIONS)
def test_coordinates_are_those_of_proj(text: str) -> None:
    crs, (longitude, latitude) = PROJECTIONS[text]
    chance, projector = random.Random(text), projector_of(crs)
    some = [
        (longitude + chance.uniform(-9, 9), latitude + chance.uniform(-9, 9)) for _ in range(200)
    ]
    right = warp.transform("EPSG:4326", text, *zip(*some, strict=True))
    for (lon, lat), x, y in zip(some, *right, strict=True):
        found = projector.project(lon - projector.domain.meridian, lat)
        assert found == pytest.approx((x, y), abs=0.001)


@pytest.mark.parametrize("name", SENSORS)
def test_an_area_becomes_the_window_that_gdal_finds(tmp_path: Path, name: str) -> None:
    path = tmp_path / "source.tif"
    data = write_cog(path, SENSORS[name], "DEFLATE")
    georeference = georeference_of(structure_of_bytes(data))
    with rasterio.open(path) as raster:
        west, south, east, north = warp.transform_bounds(raster.crs, "EPSG:4326", *raster.bounds)
        chance = random.Random(name)
        for _ in range(20):
            x, y = chance.uniform(west, east), chance.uniform(south, north)
            bbox = (x, y, x + (east - west) / 9, y + (north - south) / 9)
            bounds = warp.transform_bounds("EPSG:4326", raster.crs, *bbox, densify_pts=400)
            right = raster.window(*bounds)
            if right.col_off + right.width < 1 or right.row_off > HEIGHT - 1:
                continue
            if right.col_off > WIDTH - 1 or right.row_off + right.height < 1:
                continue
            (box,) = boxes_of_area(georeference, [ring_of_bbox(*bbox)])
            # What lies outside the raster is cut off before the box is made, here.
            assert box.left >= right.col_off - 1 and box.top >= right.row_off - 1
            assert box.right <= right.col_off + right.width + 1
            assert box.bottom <= right.row_off + right.height + 1
            inside = 0 < right.col_off < right.col_off + right.width < WIDTH
            if inside and 0 < right.row_off < right.row_off + right.height < HEIGHT:
                assert (box.left, box.top) == (int(right.col_off), int(right.row_off))
