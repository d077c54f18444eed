"""What opens the items, and what makes others of the same metadata: packages of others.

They bring GDAL, which is too much for every check: ``make readers`` installs them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pystac
import pytest

import asyncdl.sandbox
from asyncdl.items.facts import SceneFacts
from asyncdl.items.item import ItemFile, make_item
from asyncdl.items.metadata import footprint_of, read_facts
from asyncdl.m2m.bands import files_of
from asyncdl.sandbox.landsat_scenes import LandsatScene, fixed_scene
from asyncdl.sandbox.mtl_files import text_file
from tests.job.bench import Bench

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # of packages that are none of ours
]

UTM = "LC08_L2SP_068017_20200310_20200822_02_T1"
POLAR = "LC08_L2SR_099120_20191129_20201016_02_T2"
TILES = ("LC09_CU_003004_20230909_20230914_02", "LC08_AK_007008_20200310_20210503_02")
TILE_SYSTEMS = {"CU": 5070, "AK": 3338}
"""Codes of the same projections on another datum, two metres away at most."""
SCENES = (UTM, POLAR, *TILES)
BANDS = {"kind": "bands", "bands": ["red", "qa_pixel", "MTL", "ANG"]}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a job with a scene in UTM, one at the pole, and two tiles."""
    for package in ("odc.stac", "rio_tiler", "stackstac", "stactools.landsat"):
        pytest.importorskip(package, reason=f"{package} is not installed: make readers")
    directory = tmp_path_factory.mktemp("items")
    asyncio.run(_fill(directory))
    return directory


async def _fill(directory: Path, stac: bool | str = True) -> None:
    async with asyncdl.sandbox.serve(scenes=[POLAR]) as service:
        job = Bench(service, directory)
        summary = await job.run(BANDS, search={"scenes": list(SCENES)}, stac=stac)
        assert summary.is_complete, summary.failures or summary.error


@pytest.fixture(params=SCENES)
def path(folder: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Of one item."""
    (found,) = folder.glob(f"stac/*/{request.param}.json")
    yield found


def largest(folder: Path, path: Path) -> int:
    """The largest number of the red band, by whoever reads plain rasters."""
    rasterio = pytest.importorskip("rasterio")
    band = "SR_B4"
    with rasterio.open(folder / "bands" / path.stem / f"{path.stem}_{band}.TIF") as raster:
        return int(raster.read(1).max())


def test_items_open_with_odc_stac(folder: Path, path: Path) -> None:
    odc = pytest.importorskip("odc.stac")
    loaded = odc.load([pystac.Item.from_file(str(path))], bands=["red", "qa_pixel"])
    assert int(loaded.red.max()) == largest(folder, path)
    # Bits can be masked: nothing has been made a float for want of a type.
    assert loaded.qa_pixel.dtype == "uint16" and (loaded.qa_pixel & 1).any()
    item = json.loads(path.read_bytes())["properties"]
    assert loaded.odc.crs.epsg == item["proj:epsg"]
    print(path.stem, loaded.odc.crs.proj.name, loaded.red.shape, int(loaded.red.max()))  # noqa: T201


def test_items_open_with_rio_tiler(folder: Path, path: Path) -> None:
    io = pytest.importorskip("rio_tiler.io")
    with io.STACReader(str(path)) as reader:
        assert sorted(reader.assets) == ["qa_pixel", "red"]
        image = reader.preview(assets=["red"])
        assert int(image.data.max()) == largest(folder, path)


def test_items_with_whole_paths_open_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rasterio, stackstac = pytest.importorskip("rasterio"), pytest.importorskip("stackstac")
    asyncio.run(_fill(tmp_path, stac="absolute"))
    monkeypatch.chdir("/")
    for scene in (UTM, POLAR):
        (path,) = tmp_path.glob(f"stac/*/{scene}.json")
        with rasterio.open(f'STACIT:"{path}":asset=red') as raster:
            assert int(raster.read(1).max()) == largest(tmp_path, path)
        stack = stackstac.stack([json.loads(path.read_bytes())], assets=["red"])
        assert abs(float(stack.max()) - (largest(tmp_path, path) * 2.75e-05 - 0.2)) < 1e-9


def test_items_open_with_gdal(folder: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder of the item, as GDAL knows relative paths from where it was started only."""
    rasterio = pytest.importorskip("rasterio")
    monkeypatch.chdir(path.parent)
    with rasterio.open(f'STACIT:"{path.name}":asset=red') as raster:
        assert int(raster.read(1).max()) == largest(folder, path) and raster.nodata == 0


def test_items_open_with_stackstac(
    folder: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As plain dictionaries; a tile needs a code of EPSG, since stackstac knows no others."""
    stackstac = pytest.importorskip("stackstac")
    monkeypatch.chdir(path.parent)
    item = json.loads(path.read_bytes())
    system = {"epsg": TILE_SYSTEMS[item["id"][5:7]]} if item["id"] in TILES else {}
    stack = stackstac.stack([item], assets=["red"], **system)
    # It makes reflectance of the numbers by itself: scale and offset are in the item.
    assert abs(float(stack.max()) - (largest(folder, path) * 2.75e-05 - 0.2)) < 1e-9


def test_the_systems_are_those_that_pyproj_has(folder: Path, path: Path) -> None:
    pyproj = pytest.importorskip("pyproj")
    item = json.loads(path.read_bytes())
    if item["properties"]["proj:code"]:
        return
    told = item["properties"]
    by_json = pyproj.CRS.from_json_dict(told["proj:projjson"])
    assert by_json.equals(pyproj.CRS.from_wkt(told["proj:wkt2"]), ignore_axis_order=True)
    to_degrees = pyproj.Transformer.from_crs(by_json, 4326, always_xy=True)
    a, _, left, _, e, top = item["assets"]["red"]["proj:transform"]
    rows, columns = item["assets"]["red"]["proj:shape"]
    for i, j in ((0, 0), (columns, rows)):
        lon, lat = to_degrees.transform(left + a * i, top + e * j)
        ring = item["geometry"]["coordinates"][0]
        assert min(abs(lon - x) + abs(lat - y) for x, y in ring) < 1e-4


# --- against stactools --------------------------------------------------------------------

OTHERS = (
    UTM,
    POLAR,
    "LC09_L2SP_062017_20230824_20230826_02_T1",
    "LE07_L2SP_068017_20020715_20200916_02_T1",
    "LT05_L2SP_068017_19950812_20200912_02_T1",
    "LM01_L1GS_001010_19720908_20200909_02_T2",
    "LM05_L1TP_068017_19950812_20200817_02_T2",
)
NOT_OURS = {"created", "description", "grid:code", "landsat:product_generated", "proj:centroid"}
"""When stactools ran, its own words, and what repeats other fields."""
GSD_OF_MSS = 79
"""Metres on the ground; the pixels of the product have 60, which is what USGS gives."""


def ours(scene: LandsatScene) -> dict[str, Any]:
    facts = read_facts(text_file(scene, "MTL.xml").decode())
    seen = footprint_of(text_file(scene, "ANG.txt").decode(), facts.grid)
    suffixes = {file.suffix for file in files_of(scene.dataset)}
    files = [ItemFile(f"{scene.display_id}_{suffix}", "x", 1) for suffix in sorted(suffixes)]
    return make_item(scene.display_id, facts.or_else(SceneFacts(footprint=seen)), files)


@pytest.mark.parametrize("name", OTHERS)
def test_stactools_says_the_same_of_the_same_metadata(name: str, tmp_path: Path) -> None:
    stactools = pytest.importorskip("stactools.landsat.stac")
    scene = fixed_scene(0, name)
    for suffix in ("MTL.xml", "ANG.txt"):
        (tmp_path / f"{name}_{suffix}").write_bytes(text_file(scene, suffix))
    made = stactools.create_item(str(tmp_path / f"{name}_MTL.xml"), use_usgs_geometry=False)
    theirs, mine = made.to_dict(), ours(scene)
    for field, value in theirs["properties"].items():
        if field == "gsd" and "mss" in mine["properties"]["instruments"]:
            assert value == GSD_OF_MSS
        elif field == "datetime":
            assert mine["properties"][field][:23] == value[:23]
        elif field not in NOT_OURS:
            assert mine["properties"][field] == value, field
    for key, asset in theirs["assets"].items():
        _same_numbers(mine["assets"], key, asset)


KEYS = {"mtl.json": "MTL.json", "mtl.txt": "MTL.txt", "mtl.xml": "MTL.xml", "ang": "ANG.txt"}
KEYS |= {word: word.upper() for word in ("atran", "cdist", "drad", "emis", "emsd", "trad", "urad")}
KEYS |= {"qa": "QA"}
"""Assets that stactools calls otherwise than USGS does."""


def _same_numbers(assets: dict[str, Any], key: str, theirs: dict[str, Any]) -> None:
    """Compare one band: how it is scaled, what its bits mean, where in the spectrum it is."""
    mine = assets.get(KEYS.get(key, key))
    if mine is None:  # pictures and MTL.json, which are not among the files here
        return
    for band in theirs.get("raster:bands", ()):
        for field in ("scale", "offset", "unit"):
            if band.get(field) is not None:
                assert mine["raster:bands"][0][field] == pytest.approx(band[field]), (key, field)
    for band in theirs.get("eo:bands", ()):
        (own,) = mine["eo:bands"]
        assert own["common_name"] == band["common_name"]
        for field in ("center_wavelength", "full_width_half_max"):
            # A number each for all satellites here, and for each satellite there.
            assert own[field] == pytest.approx(band[field], abs=0.12), (key, field)
    bits = [(f["offset"], f["length"]) for f in theirs.get("classification:bitfields", ())]
    own_bits = [(f["offset"], f["length"]) for f in mine.get("classification:bitfields", ())]
    assert set(own_bits) <= set(bits) or not bits, key
