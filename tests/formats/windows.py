"""Cut windows of TIFFs that packages ship, and hold them against what GDAL reads of the whole."""

from __future__ import annotations

import importlib
import json
import random
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from asyncdl.errors import TransferError
from asyncdl.job.places.raster_excerpt import RasterExcerpt
from asyncdl.transfer.ranges import Coverage
from asyncdl.transfer.verification.structure import Form
from asyncdl.windows import OverviewRule, PixelBox
from asyncdl.windows.area_boxes import ring_of_bbox
from asyncdl.windows.window_errors import WindowError
from tests.formats.archives import Package
from tests.formats.samples import Sample, samples_of
from tests.windows.handmade import ALL, plan_of, structure_of_bytes, window_bytes

RULES = (None, ALL, OverviewRule(growth=0))
"""Of overviews: what a job has, all of them, and those that cost nothing."""
MOST_VALUES = 1 << 24
"""Pixels times bands of an image that is read whole: some claim to be larger than any memory."""
SIDE_DEGREES = 0.01


class OtherPixels(Exception):
    """A window has other pixels than the whole file has there."""


class CutFile(Struct, frozen=True):
    """What came of the windows of one file."""

    package: str
    name: str
    digest: bytes
    is_read: bool
    """Whether GDAL reads the whole of it."""
    refusal: str = ""
    """Why there is no window of it; empty if there are."""
    is_placed: bool = False
    """Whether GDAL knows where on the earth it lies."""
    refusal_of_area: str = ""
    """Why an area in degrees has no window of it, if it is placed; empty if it has."""
    wrong: str = ""
    """Which window has other pixels than the whole file has there; empty if none has."""


def windows_of(packages: Iterable[Package]) -> Iterator[CutFile]:
    """Yield what came of each different TIFF."""
    seen = set()
    for package in packages:
        for sample in samples_of(package):
            if sample.form is Form.TIFF and sample.digest not in seen:
                seen.add(sample.digest)
                yield cut_windows(sample)


def cut_windows(sample: Sample) -> CutFile:
    """Cut windows of one file, by pixels and by an area."""
    with tempfile.TemporaryDirectory() as folder:
        whole = _Whole(sample, Path(folder))
        refusal, of_area, wrong = "", "", ""
        try:
            _by_pixels(sample, whole)
            of_area = _by_area(sample, whole) if whole.is_placed else ""
        except WindowError as problem:
            refusal = str(problem)
        except OtherPixels as problem:
            wrong = str(problem)
    return CutFile(
        sample.package,
        sample.name,
        sample.digest,
        whole.pixels is not None,
        refusal,
        whole.is_placed,
        of_area,
        wrong,
    )


class _Whole:
    """A file as GDAL reads it."""

    def __init__(self, sample: Sample, folder: Path) -> None:
        self.name = sample.name
        self._made = folder / "window.tif"
        self.pixels, self._crs, self._transform = _read(folder / "whole.tif", sample.data)

    @property
    def is_placed(self) -> bool:
        """Whether it says where on the earth it lies."""
        return self.pixels is not None and self._crs is not None

    def check(self, made: bytes, box: PixelBox) -> None:
        """Compare a window with that part of it. Raises: OtherPixels."""
        found, _, _ = _read(self._made, made)
        if found is None:
            raise OtherPixels(f"{self.name}: GDAL does not read the window")
        wanted = self.pixels[:, box.top : box.bottom, box.left : box.right]
        if found.dtype != wanted.dtype or found.tobytes() != wanted.tobytes():
            raise OtherPixels(f"{self.name}: {box}")

    def box_in_degrees(self, column: int, row: int) -> tuple[float, ...]:
        """Return a small box with a pixel of it in its middle."""
        warp: Any = importlib.import_module("rasterio.warp")
        x, y = self._transform * (column + 0.5, row + 0.5)
        (lon,), (lat,) = warp.transform(self._crs, "EPSG:4326", [x], [y])
        half = SIDE_DEGREES / 2
        return lon - half, max(-90.0, lat - half), lon + half, min(90.0, lat + half)


def _read(path: Path, data: bytes) -> tuple[Any, Any, Any]:
    """Return pixels, coordinate system and transform; the first is ``None`` if there are none."""
    rasterio: Any = importlib.import_module("rasterio")
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with rasterio.open(path, driver="GTiff") as raster:
                if raster.width * raster.height * raster.count > MOST_VALUES:
                    return None, None, None
                is_placed = raster.crs is not None and not raster.transform.is_identity
                return raster.read(), raster.crs if is_placed else None, raster.transform
        except (rasterio.errors.RasterioError, MemoryError, ValueError):
            return None, None, None


def _by_pixels(sample: Sample, whole: _Whole) -> None:
    raster = structure_of_bytes(sample.data).raster
    chance = random.Random(sample.name)
    for rule in RULES:
        width, height = chance.randint(1, raster.width), chance.randint(1, raster.height)
        left = chance.randint(0, raster.width - width)
        top = chance.randint(0, raster.height - height)
        plan = plan_of(sample.data, PixelBox(left, top, left + width, top + height), rule)
        made = window_bytes(plan, sample.data)
        if whole.pixels is not None:
            whole.check(made, plan.box)


def _by_area(sample: Sample, whole: _Whole) -> str:
    """Cut a window as a job does, around some pixel; return why there is none."""
    _, height, width = whole.pixels.shape
    chance = random.Random(sample.name)
    column, row = chance.randrange(width), chance.randrange(height)
    ring = ring_of_bbox(*whole.box_in_degrees(column, row))
    excerpt = RasterExcerpt([ring], sample.name, "http://h.test/")
    total = len(sample.data)
    try:
        while excerpt.advance(lambda start, stop: sample.data[start:stop], total):
            excerpt.missing(Coverage(), total)
        made = b"".join(excerpt.assemble(lambda start, stop: sample.data[start:stop]))
    except TransferError as problem:
        return problem.detail
    record = json.loads(excerpt.record("", total))
    (left, right), (top, bottom) = record["columns"], record["rows"]
    if not (left <= column < right and top <= row < bottom):
        raise OtherPixels(f"{sample.name}: the pixel {column}, {row} is not in the window")
    whole.check(made, PixelBox(left, top, right, bottom))
    return ""
