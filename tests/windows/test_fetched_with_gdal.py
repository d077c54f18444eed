"""Windows that the engine fetches of files that GDAL has made, from servers of others.

Each is compared, pixel by pixel, with the same window of the whole file read by rasterio. The
server is nginx where it is installed, else aiohttp's way to serve files. ``make extras`` tries a
few; ``ASYNCDL_WINDOWS_EACH=13 pytest tests/windows/test_fetched_with_gdal.py`` tries hundreds.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import web

from asyncdl.errors import TransferError
from asyncdl.job.choosing.windows import AreaWindow
from asyncdl.job.places.raster_cut import RasterCut
from asyncdl.job.stages.cutting import RasterWindow
from asyncdl.m2m.searching.area import area_from_bbox, parts_of_area
from asyncdl.transfer import Downloader, Fetched, FileRequest
from asyncdl.transfer.parts.part_file import remove_part_files
from tests.ports import free_ports
from tests.windows.test_with_gdal import COMPRESSIONS, KINDS, SENSORS, write_cog, write_kind

rasterio: Any = pytest.importorskip("rasterio", reason="rasterio is not installed: make extras")
numpy: Any = pytest.importorskip("numpy", reason="numpy is not installed: make extras")
windows: Any = importlib.import_module("rasterio.windows")
warp: Any = importlib.import_module("rasterio.warp")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.allow_blocking,  # rasterio reads on the loop
    pytest.mark.filterwarnings("ignore:Use `@` matmul instead:PendingDeprecationWarning"),
]

WINDOWS_EACH = int(os.environ.get("ASYNCDL_WINDOWS_EACH", "1"))
PATIENCE_S = 60.0
NGINX = """
daemon off; pid {folder}/nginx.pid; error_log stderr; events {{}}
http {{
    access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
    fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
    server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@pytest.fixture
async def origin(tmp_path: Path) -> AsyncIterator[str]:
    """Serves the files of the test's folder."""
    if shutil.which("nginx") is None:
        async with FilesByAiohttp(tmp_path) as url:
            yield url
        return
    with by_nginx(tmp_path) as url:
        await answering(url)
        yield url


class FilesByAiohttp:
    def __init__(self, root: Path) -> None:
        app = web.Application()
        app.router.add_static("/", root)
        self._runner = web.AppRunner(app)

    async def __aenter__(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()


@contextmanager
def by_nginx(root: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        (port,) = free_ports(1)
        config = Path(folder, "nginx.conf")
        config.write_text(NGINX.format(folder=folder, port=port, root=root))
        # Its workers run as another user.
        for path in (*root.parents, root):
            if path.is_relative_to(tempfile.gettempdir()):
                path.chmod(0o755)
        server = subprocess.Popen(["nginx", "-c", str(config), "-e", "stderr", "-p", folder])
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait()


async def answering(url: str) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    with anyio.fail_after(PATIENCE_S):
        while True:
            try:
                await (await anyio.connect_tcp(host, int(port))).aclose()
            except OSError:
                await anyio.sleep(0.01)
            else:
                return


async def fetch(
    url: str, bbox: tuple[float, ...], directory: Path, *, is_exact: bool = False
) -> Fetched:
    window = AreaWindow("a", tuple(parts_of_area(area_from_bbox(*bbox))))
    cut = RasterCut(window.rings, "source.tif", is_exact)
    async with Downloader() as downloader:
        request = FileRequest(url, directory, "window.tif", overwrite=True, fingerprint="sha256")
        fetched = await RasterWindow(cut).fetch(downloader, request)
    remove_part_files(fetched.path)  # as a job does once it has recorded a window
    return fetched


def random_bbox(chance: random.Random, source: Path) -> tuple[float, ...]:
    """Return a box in degrees that has its middle in a raster."""
    with rasterio.open(source) as raster:
        x, y = raster.transform * (
            chance.uniform(0, raster.width), chance.uniform(0, raster.height)
        )  # fmt: skip
        (lon,), (lat,) = warp.transform(raster.crs, "EPSG:4326", [x], [y])
    width, height = (chance.choice([0.00001, 0.002, 0.03, 0.2]) for _ in range(2))
    return lon - width, lat - height / 2, lon + width, lat + height / 2


def check(source: Path, made: Path, bbox: tuple[float, ...]) -> None:
    """Compare a window with that part of the whole, and its place with the box."""
    with rasterio.open(source) as whole, rasterio.open(made) as window:
        assert (window.crs, window.nodata, window.dtypes) == (whole.crs, whole.nodata, whole.dtypes)
        column, row = ~whole.transform * (window.transform.c, window.transform.f)
        assert (column, row) == pytest.approx((round(column), round(row)), abs=1e-6)
        where = windows.Window(round(column), round(row), window.width, window.height)
        assert numpy.array_equal(whole.read(window=where), window.read())
        assert numpy.array_equal(whole.dataset_mask(window=where), window.dataset_mask())
        inside, of_window = (
            (area.left, area.bottom, area.right, area.top) for area in (whole.bounds, window.bounds)
        )
        for x, y in points_in(bbox, whole.crs):
            assert not holds(inside, x, y) or holds(of_window, x, y)


def points_in(bbox: tuple[float, ...], crs: Any) -> list[tuple[float, float]]:
    """Return points all over a box in degrees, its corners among them, in a raster's system."""
    west, south, east, north = bbox
    steps = [step / 15 for step in range(16)]
    places = [(west + i * (east - west), south + j * (north - south)) for i in steps for j in steps]
    return list(zip(*warp.transform("EPSG:4326", crs, *zip(*places, strict=True)), strict=True))


def holds(area: tuple[float, ...], x: float, y: float) -> bool:
    left, bottom, right, top = area
    return left < x < right and bottom < y < top


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("name", SENSORS)
async def test_fetched_windows_have_the_pixels_of_the_whole(
    tmp_path: Path, origin: str, name: str, compression: str
) -> None:
    source = tmp_path / "source.tif"
    size_bytes = len(write_cog(source, SENSORS[name], compression))
    chance = random.Random(name + compression)
    for _ in range(WINDOWS_EACH):
        bbox = random_bbox(chance, source)
        fetched = await fetch(f"{origin}/source.tif", bbox, tmp_path / "made")
        check(source, fetched.path, bbox)
        assert fetched.received_bytes <= size_bytes + 16_384
        assert [path.name for path in fetched.path.parent.iterdir()] == ["window.tif"]


@pytest.mark.parametrize("kind", KINDS)
async def test_so_have_those_of_any_kind_of_tiff(tmp_path: Path, origin: str, kind: str) -> None:
    source = tmp_path / "source.tif"
    write_kind(source, **KINDS[kind])
    chance = random.Random(kind)
    for _ in range(WINDOWS_EACH):
        bbox = random_bbox(chance, source)
        fetched = await fetch(f"{origin}/source.tif", bbox, tmp_path / "made")
        check(source, fetched.path, bbox)


EXACTLY = ("DEFLATE", "LZW", "ZSTD")
EXACT_KINDS = ("strips", "pixels of four", "planes", "a mask", "bigtiff", "32 bits", "a bit")


@pytest.mark.parametrize("compression", EXACTLY)
@pytest.mark.parametrize("name", SENSORS)
async def test_an_exact_window_has_the_pixels_that_the_area_touches(
    tmp_path: Path, origin: str, name: str, compression: str
) -> None:
    source = tmp_path / "source.tif"
    write_cog(source, SENSORS[name], compression)
    chance = random.Random(name)
    for _ in range(WINDOWS_EACH):
        bbox = random_bbox(chance, source)
        fetched = await fetch(f"{origin}/source.tif", bbox, tmp_path / "made", is_exact=True)
        check(source, fetched.path, bbox)
        check_exact(source, fetched, bbox)


@pytest.mark.parametrize("kind", EXACT_KINDS)
async def test_so_has_one_of_another_kind(tmp_path: Path, origin: str, kind: str) -> None:
    source = tmp_path / "source.tif"
    write_kind(source, **KINDS[kind])
    bbox = random_bbox(random.Random(kind), source)
    fetched = await fetch(f"{origin}/source.tif", bbox, tmp_path / "made", is_exact=True)
    check(source, fetched.path, bbox)
    check_exact(source, fetched, bbox)


def check_exact(source: Path, fetched: Fetched, bbox: tuple[float, ...]) -> None:
    """Look at a window that ends where the box does, but for the slack of its projection."""
    assert "exact" in fetched.proof.split("+")
    with rasterio.open(source) as whole, rasterio.open(fetched.path) as window:
        assert window.compression == whole.compression
        assert (window.scales, window.descriptions) == (whole.scales, whole.descriptions)
        assert window.colorinterp == whole.colorinterp
        inside = [
            ~whole.transform * point
            for point in points_in(bbox, whole.crs)
            if holds(tuple(whole.bounds), *point)
        ]
        across, down = (max(at) - min(at) for at in zip(*inside, strict=True))
        assert window.width <= across * 1.5 + 3
        assert window.height <= down * 1.5 + 3
        record = json.loads(fetched.excerpt)
        assert record["columns"][1] - record["columns"][0] == window.width
        assert record["size_bytes"] == fetched.size_bytes


async def test_an_area_elsewhere_is_said_to_be(tmp_path: Path, origin: str) -> None:
    write_cog(tmp_path / "source.tif", SENSORS["oli"], "DEFLATE")
    with pytest.raises(TransferError) as error:
        await fetch(f"{origin}/source.tif", (10, 10, 11, 11), tmp_path / "made")
    assert (error.value.reason, error.value.attempts) == ("outside-window", 1)


async def test_a_raster_over_the_antimeridian_has_one_window(tmp_path: Path, origin: str) -> None:
    """In UTM it runs over it, whichever way the box is written."""
    source = tmp_path / "source.tif"
    write_over_the_antimeridian(source)
    made = []
    for bbox in ((179.97, 51.97, -179.97, 52.0), (179.97, 51.97, 180.03, 52.0)):
        fetched = await fetch(f"{origin}/source.tif", bbox, tmp_path / "made")
        made.append(fetched.path.read_bytes())
        with rasterio.open(source) as whole, rasterio.open(fetched.path) as window:
            column, row = ~whole.transform * (window.transform.c, window.transform.f)
            where = windows.Window(round(column), round(row), window.width, window.height)
            assert numpy.array_equal(whole.read(window=where), window.read())
            assert window.width < whole.width
    assert made[0] == made[1]


async def test_of_a_raster_that_ends_there_the_window_has_all_columns(
    tmp_path: Path, origin: str
) -> None:
    """A file is one rectangle: what lies between both ends comes, too, and nothing is missing."""
    source = tmp_path / "source.tif"
    write_around_the_world(source)
    bbox = (178.0, -18.0, -178.0, -16.0)
    fetched = await fetch(f"{origin}/source.tif", bbox, tmp_path / "made")
    with rasterio.open(source) as whole, rasterio.open(fetched.path) as window:
        assert (window.width, window.bounds.left) == (whole.width, -180)
        assert window.bounds.bottom < -18 < -16 < window.bounds.top
        where = windows.Window(0, round((90 - window.bounds.top) / 0.5), 720, window.height)
        assert numpy.array_equal(whole.read(window=where), window.read())
        assert window.height < whole.height


def write_around_the_world(path: Path) -> None:
    values = numpy.arange(720 * 360, dtype="uint32").reshape(1, 360, 720)
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint32", count=1, width=720, height=360,
        crs="EPSG:4326", transform=rasterio.transform.from_origin(-180, 90, 0.5, 0.5),
        compress="DEFLATE", tiled=True, blockxsize=64, blockysize=64,
    ) as raster:  # fmt: skip
        raster.write(values)


def write_over_the_antimeridian(path: Path) -> None:
    (x,), (y,) = warp.transform("EPSG:4326", "EPSG:32601", [-180.0], [52.0])
    transform = rasterio.transform.from_origin(x - 300 * 30, y + 100 * 30, 30, 30)
    values = numpy.random.default_rng(1).integers(1, 9000, (1, 400, 600)).astype("uint16")
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint16", count=1, width=600, height=400,
        crs="EPSG:32601", transform=transform, nodata=0, compress="DEFLATE", predictor=2,
        tiled=True, blockxsize=64, blockysize=64,
    ) as raster:  # fmt: skip
        raster.write(values)
