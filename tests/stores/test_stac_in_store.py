"""Items that a run writes into a store open with odc-stac and rasterio, straight from there."""

from __future__ import annotations

import json

import pytest
from anyio import to_thread

from tests.job.bench import BANDS
from tests.stores.conftest import LANES
from tests.stores.real_store import RealStore
from tests.stores.store_bench import StoreBench

pytestmark = [
    pytest.mark.slow,
    pytest.mark.beyond,
    pytest.mark.stores("s3", "az"),
    pytest.mark.filterwarnings("default"),  # of packages that are none of ours
]

odc_stac = pytest.importorskip("odc.stac", reason=f"needs odc-stac ({LANES})")
pystac = pytest.importorskip("pystac")
rasterio = pytest.importorskip("rasterio", reason=f"needs rasterio ({LANES})")


def _of_s3(store: RealStore) -> dict[str, str]:
    return {
        "AWS_S3_ENDPOINT": store.endpoint.removeprefix("http://"), "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE", "AWS_REGION": "us-east-1",
    }  # fmt: skip


def _of_azure(store: RealStore) -> dict[str, str]:
    known = store.environment()
    parts = {
        "DefaultEndpointsProtocol": "http", "BlobEndpoint": store.endpoint,
        "AccountName": known["AZURE_STORAGE_ACCOUNT_NAME"],
        "AccountKey": known["AZURE_STORAGE_ACCOUNT_KEY"],
    }  # fmt: skip
    return {"AZURE_STORAGE_CONNECTION_STRING": ";".join(map("=".join, parts.items()))}


SETTINGS = {"s3": _of_s3, "az": _of_azure}
"""What GDAL has to know of a store that is not the provider's own, beside credentials."""


def opened(bench: StoreBench) -> tuple[int, float]:
    """Open all items with what GDAL knows of the store; return their number and one pixel."""
    weed = bench.weed
    names = [name for name in weed.names(f"{bench.prefix}/stac/") if "/L" in name]
    items = [pystac.Item.from_dict(json.loads(weed.read(name))) for name in names]
    with (
        rasterio.Env(**SETTINGS[weed.scheme](weed)),
        rasterio.open(items[0].assets["red"].href) as raster,
    ):
        assert raster.driver == "GTiff" and raster.crs.to_epsg() == 32606
        found = odc_stac.load(items, bands=["red"], chunks=None, crs="EPSG:32606", resolution=30)
        return len(items), float(found["red"].max())


async def test_items_open_straight_from_the_store(
    store_bench: StoreBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store_bench.complete(BANDS, stac=True)
    items, brightest = await to_thread.run_sync(opened, store_bench)
    assert items == 3 and brightest > 0
