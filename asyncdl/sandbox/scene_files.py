"""The single files of a scene, and the datasets that contain them.

Source: API notes, sections 5.1, 5.2, 9.1 and 12a.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from asyncdl.m2m.naming import (
    ARD_DATASET,
    COLLECTION,
    ProductId,
    product_id_of_file,
    secondary_entity_id,
)
from asyncdl.sandbox.landsat_scenes import LandsatScene, SandboxScene
from asyncdl.sandbox.tiles import ArdTile

LEVEL_1 = tuple(f"landsat_{word}_c2_l1" for word in ("ot", "etm", "tm", "mss"))
LEVEL_2 = tuple(f"landsat_{word}_c2_l2" for word in ("ot", "etm", "tm"))
"""Aliases of the scene datasets by level."""


def hashed_id(*parts: str) -> str:
    """Return sixteen hex digits like the service's ids, always the same for the same parts."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class BandDataset:
    """The dataset in which the single files of one level are entities of their own."""

    alias: str
    id: str
    plain_product: str
    """``productId`` of a file when options were requested without file groups."""
    grouped_product: str
    """``productId`` with file groups. Both deliver the same bytes."""
    product_name: str
    product_code: str


BAND_DATASETS = {
    "1": BandDataset(
        "landsat_band_files_c2_l1",
        "5e81ff5f86d11d08",
        "5e8207607217ef3e",
        "rp9zq1ewx8s985mp",
        "Landsat Collection 2 Level-1 Band File",
        "D687",
    ),
    "2": BandDataset(
        "landsat_band_files_c2_l2",
        "5f85f041c828327a",
        "5f85f041a2ea6695",
        "6453ef54640422ce",
        "Landsat Collection 2 Level-2 Band File",
        "D693",
    ),
}
"""By processing level."""

TILE_FILES = BandDataset(
    "landsat_ard_tile_files_c2",
    hashed_id("landsat_ard_tile_files_c2"),
    hashed_id("landsat_ard_tile_files_c2", "plain"),
    hashed_id("landsat_ard_tile_files_c2", "grouped"),
    "C2 ARD Tile Band Download",
    "D771",
)
"""The dataset of the files of U.S. tiles; its ids are not on record."""


def band_dataset(dataset: str) -> BandDataset | None:
    """Return the band-file dataset that belongs to a scene dataset, if one does."""
    if dataset == ARD_DATASET:
        return TILE_FILES
    return BAND_DATASETS[dataset[-1]] if dataset in (*LEVEL_1, *LEVEL_2) else None


@dataclass(frozen=True, slots=True)
class SceneFile:
    """One kind of file that scenes of a product have."""

    index: int
    """Its place in the listing."""
    suffix: str
    """Such as ``SR_B4.TIF``."""
    entity_prefix: str
    """``L2SR``, ``L2ST`` or ``L1``; empty for tiles."""
    groups: tuple[str, ...]

    def name(self, display_id: str) -> str:
        """Return the file's name for one scene."""
        return f"{display_id}_{self.suffix}"

    def entity_id(self, display_id: str) -> str:
        """Return the file's own entity id for one scene."""
        prefix = f"{self.entity_prefix}_" if self.entity_prefix else ""
        return f"{prefix}{display_id}_{self.suffix.replace('.', '_').upper()}"


_QUALITY = ("QA_PIXEL.TIF", "QA_RADSAT.TIF")
_ANGLES = ("SAA.TIF", "SZA.TIF", "VAA.TIF", "VZA.TIF")
_TEMPERATURE = ("ATRAN", "CDIST", "DRAD", "EMIS", "EMSD", "QA", "TRAD", "URAD")
_OLI_REFLECTANCE = (*(f"SR_B{n}.TIF" for n in range(1, 8)), "SR_QA_AEROSOL.TIF")
_TM_REFLECTANCE = (
    *(f"SR_B{n}.TIF" for n in (1, 2, 3, 4, 5, 7)),
    "SR_ATMOS_OPACITY.TIF",
    "SR_CLOUD_QA.TIF",
)


def _temperature(band: str) -> tuple[str, ...]:
    return tuple(sorted(f"ST_{name}.TIF" for name in (band, *_TEMPERATURE)))


def _text_files(product: ProductId) -> tuple[str, ...]:
    metadata = ("MTL.txt", "MTL.xml")
    return metadata if product.sensor == "M" else ("ANG.txt", *metadata)


def _level_1_bands(product: ProductId) -> tuple[str, ...]:
    names: dict[str, tuple[str, ...]] = {
        "C": tuple(f"B{n}" for n in range(1, 12)),
        "O": tuple(f"B{n}" for n in range(1, 10)),
        "E": ("B1", "B2", "B3", "B4", "B5", "B6_VCID_1", "B6_VCID_2", "B7", "B8"),
        "T": tuple(f"B{n}" for n in range(1, 8)) if product.satellite < 8 else ("B10", "B11"),
        "M": tuple(f"B{n}" for n in (range(4, 8) if product.satellite < 4 else range(1, 5))),
    }
    return tuple(f"{name}.TIF" for name in names[product.sensor])


def _level_1(product: ProductId) -> tuple[str, ...]:
    texts = _text_files(product)
    if product.sensor == "M":
        return (*texts, *_level_1_bands(product), *_QUALITY)
    control_points = ("GCP.txt",) if product.satellite in (4, 5, 7) else ()
    return (*control_points, *texts, *_level_1_bands(product), *_QUALITY, *_ANGLES)


def _level_2(product: ProductId) -> tuple[str, ...]:
    oli = product.satellite >= 8
    reflectance = _OLI_REFLECTANCE if oli else _TM_REFLECTANCE
    temperature = _temperature("B10" if oli else "B6") if product.level == "L2SP" else ()
    return (*_text_files(product), *_QUALITY, *reflectance, *temperature)


def _groups(level: str, suffix: str) -> tuple[str, ...]:
    if level == "1":
        return ("ls_c2l1_all",)
    if suffix.startswith("SR_"):
        return ("ls_c2l2_sr_band",)
    if suffix.startswith("ST_"):
        return ("ls_c2l2_st_band",)
    return ("ls_c2l2_sr_band", "ls_c2l2_st_band")


def files_of(scene: SandboxScene) -> tuple[SceneFile, ...]:
    """Return the single files of a scene, in the service's order; many scenes have none."""
    if isinstance(scene, LandsatScene):
        product = scene.product
        return _files_of_kind(product.sensor, product.satellite, product.level, scene.dataset)
    return _tile_files(scene.tile.satellite) if isinstance(scene, ArdTile) else ()


# --- files of tiles

_TILE_PARTS = ("SR", "ST", "TOA", "BT")
"""Parts with their own STAC item."""


@lru_cache(maxsize=16)
def _tile_files(satellite: int) -> tuple[SceneFile, ...]:
    """Return the files of a tile. On record: a tile of Landsat 9 has 42, and of which kinds.

    Source: API notes, sections 5.1, 9 and 12a.
    """
    oli = satellite >= 8
    toa = (*range(1, 8), 9) if oli else (1, 2, 3, 4, 5, 7)
    suffixes = (
        *(_OLI_REFLECTANCE if oli else _TM_REFLECTANCE),
        *(f"TOA_B{n}.TIF" for n in toa),
        *(f"BT_B{n}.TIF" for n in ((10, 11) if oli else (6,))),
        *_temperature("B10" if oli else "B6"),
        *(*_QUALITY, "QA_LINEAGE.TIF", *_ANGLES),
        *(f"{part}_stac.json" for part in _TILE_PARTS),
        *("MTL.json", "MTL.xml", "thumb_large.jpeg", "thumb_small.jpeg"),
    )
    return tuple(SceneFile(index, suffix, "", ()) for index, suffix in enumerate(suffixes))


# --- files of scenes


@lru_cache(maxsize=64)
def _files_of_kind(sensor: str, satellite: int, level: str, dataset: str) -> tuple[SceneFile, ...]:
    product = _sample(sensor, satellite, level)
    suffixes = _level_1(product) if level.startswith("L1") else _level_2(product)
    return tuple(
        SceneFile(index, suffix, _prefix(product, suffix), _groups(dataset[-1], suffix))
        for index, suffix in enumerate(suffixes)
    )


def _sample(sensor: str, satellite: int, level: str) -> ProductId:
    day = date(2020, 1, 1)
    return ProductId(sensor, satellite, level, 1, 1, day, day, COLLECTION, "T1")


def _prefix(product: ProductId, suffix: str) -> str:
    return secondary_entity_id(str(product), suffix).partition("_")[0]


def product_of_entity(entity_id: str) -> str | None:
    """Return the product or tile id inside the entity id of a single file.

    Returns: ``LC08_…_T1`` for ``L2SR_LC08_…_T1_SR_B4_TIF``; ``None`` for any other id.
    """
    prefix, _, rest = entity_id.partition("_")
    return product_id_of_file(rest if prefix in ("L1", "L2SR", "L2ST") else entity_id)


def find_file(files: Iterable[SceneFile], display_id: str, entity_id: str) -> SceneFile | None:
    """Return the file of a scene with this entity id."""
    return next((f for f in files if f.entity_id(display_id) == entity_id), None)
