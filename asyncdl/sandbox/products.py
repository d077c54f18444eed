"""What can be had of a scene: its single files and its product rows.

Source: API notes, sections 5.1, 5.2 and 9.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from asyncdl.m2m.naming import COLLECTION, ProductId, product_id_of_file, secondary_entity_id
from asyncdl.sandbox.scenes import Scene


def hashed_id(*parts: str) -> str:
    """Return sixteen hex digits in the manner of the service's ids, always the same ones."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:16]


# --- product rows ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProductRow:
    """One product that ``download-options`` lists for every scene of a dataset."""

    id: str
    code: str
    name: str
    system: str
    """``ls_zip`` and ``dds_ms`` are bundles; ``folder`` only holds files and is never delivered."""
    download_name: str | None = None
    has_files: bool = True
    """Whether the row repeats the single files of the scene; its list is null otherwise."""

    @property
    def is_bundle(self) -> bool:
        """Whether this is all of the scene in one tar."""
        return self.system != "folder"


_L2_ROWS = (
    ProductRow("5e83d14fec7cae84", "D694", "Landsat Collection 2 Level-2 Product Bundle", "ls_zip"),
    ProductRow(
        "6448198cc7b442a4",
        "D693",
        "Landsat Collection 2 Level-2 Band File",
        "folder",
        "C2L2 Tile Product Files",
    ),
    ProductRow(
        "6448198c62023764",
        "D691",
        "Landsat Collection 2 Level-2 Band File",
        "folder",
        "C2L2 Tile Product Files",
    ),
    ProductRow("632210d4770592cf", "D806", "Landsat Collection 2 Level-2 Product Bundle", "dds_ms"),
)


def _other_rows(dataset: str) -> tuple[ProductRow, ...]:
    level = dataset[-1]
    name = f"Landsat Collection 2 Level-{level} Product Bundle"
    folder = ProductRow(
        hashed_id(dataset, "D687"),
        "D687",
        f"Landsat Collection 2 Level-{level} Band File",
        "folder",
        f"C2L{level} Tile Product Files",
    )
    ready = ProductRow(hashed_id(dataset, "D688"), "D688", name, "ls_zip", has_files=False)
    staged = ProductRow(hashed_id(dataset, "D805"), "D805", name, "dds_ms", has_files=False)
    return ready, folder, staged


@lru_cache(maxsize=32)
def rows_of(dataset: str) -> tuple[ProductRow, ...]:
    """Return the product rows of a dataset, in the service's order."""
    return _L2_ROWS if dataset == "landsat_ot_c2_l2" else _other_rows(dataset)


# --- single files ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BandDataset:
    """The dataset that holds the single files of one level as entities of their own."""

    alias: str
    id: str
    plain_product: str
    """``productId`` of a file when options were asked for without file groups."""
    grouped_product: str
    """The same with file groups. Both deliver the same bytes."""
    product_name: str
    product_code: str


BAND_DATASETS = {
    "1": BandDataset(
        "landsat_band_files_c2_l1",
        "5e81ff5f86d11d08",
        "gy7bvmukhtkl910o",
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


def band_dataset(dataset: str) -> BandDataset:
    """Return the band-file dataset that belongs to a scene dataset."""
    return BAND_DATASETS[dataset[-1]]


@dataclass(frozen=True, slots=True)
class SceneFile:
    """One kind of file that scenes of a certain product have."""

    index: int
    """Its place in the listing."""
    suffix: str
    """Such as ``SR_B4.TIF``."""
    entity_prefix: str
    """``L2SR``, ``L2ST`` or ``L1``."""
    groups: tuple[str, ...]

    def name(self, display_id: str) -> str:
        """Return the file's name for one scene."""
        return f"{display_id}_{self.suffix}"

    def entity_id(self, display_id: str) -> str:
        """Return the file's own entity id for one scene."""
        return f"{self.entity_prefix}_{display_id}_{self.suffix.replace('.', '_').upper()}"


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


def files_of(scene: Scene) -> tuple[SceneFile, ...]:
    """Return the single files of a scene, in the service's order."""
    product = scene.product
    return _files_of_kind(product.sensor, product.satellite, product.level, scene.dataset)


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
    """Return the product id inside the entity id of a single file.

    Returns: ``LC08_…_T1`` for ``L2SR_LC08_…_T1_SR_B4_TIF``; ``None`` for any other id.
    """
    prefix, _, rest = entity_id.partition("_")
    if prefix not in ("L1", "L2SR", "L2ST"):
        return None
    return product_id_of_file(rest)


def find_file(files: Iterable[SceneFile], display_id: str, entity_id: str) -> SceneFile | None:
    """Return the file of a scene that stands under ``entity_id``."""
    return next((f for f in files if f.entity_id(display_id) == entity_id), None)
