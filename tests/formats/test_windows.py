"""Windows of the TIFFs that packages ship, beside the same windows of the whole read by GDAL."""

from __future__ import annotations

import random
import warnings
from pathlib import Path
from typing import Any

import pytest

from asyncdl.transfer.verification.structure import Form
from asyncdl.windows import OverviewRule, PixelBox
from asyncdl.windows.window_errors import WindowError
from tests.formats.archives import Package, fetch, read_packages
from tests.formats.samples import Sample, samples_of
from tests.windows.handmade import ALL, plan_of, structure_of_bytes, window_bytes

rasterio: Any = pytest.importorskip("rasterio", reason="rasterio is not installed: make formats")

SLICE = [package for package in read_packages() if package.is_in_slice]
WITH_TIFFS = [package for package in SLICE if package.name in ("imagecodecs", "geotiff")]
UNUSUAL = ("gray.depth.", "old-style-jpeg")
"""Kinds that are refused by name: solids, and JPEG from before 1995."""


@pytest.mark.slow
@pytest.mark.parametrize("package", WITH_TIFFS, ids=lambda package: package.name)
def test_what_gdal_reads_has_windows_with_the_same_pixels(tmp_path: Path, package: Package) -> None:
    fetch([package])
    compared, refused = 0, []
    for sample in samples_of(package):
        if (
            sample.form is not Form.TIFF
            or (whole := pixels(tmp_path / "whole.tif", sample.data)) is None
        ):
            continue
        try:
            assert_windows(sample, whole, tmp_path / "window.tif")
            compared += 1
        except WindowError as refusal:
            refused.append(f"{sample.name}: {refusal}")
    assert compared >= {"imagecodecs": 40, "geotiff": 1}[package.name]
    assert [line for line in refused if not any(kind in line for kind in UNUSUAL)] == []


def assert_windows(sample: Sample, whole: Any, path: Path) -> None:
    raster = structure_of_bytes(sample.data).raster
    chance = random.Random(sample.name)
    for rule in (None, ALL, OverviewRule(growth=0)):
        width, height = chance.randint(1, raster.width), chance.randint(1, raster.height)
        left = chance.randint(0, raster.width - width)
        top = chance.randint(0, raster.height - height)
        plan = plan_of(sample.data, PixelBox(left, top, left + width, top + height), rule)
        found = pixels(path, window_bytes(plan, sample.data))
        box = plan.box
        wanted = whole[:, box.top : box.bottom, box.left : box.right]
        assert found is not None, sample.name
        assert found.dtype == wanted.dtype and found.tobytes() == wanted.tobytes(), sample.name


def pixels(path: Path, data: bytes) -> Any:
    """Return what GDAL reads; ``None`` if it reads nothing."""
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with rasterio.open(path, driver="GTiff") as raster:
                return raster.read()
        except rasterio.errors.RasterioError:
            return None
