"""What can be had of a scene: its single files and its product rows.

Source: API notes, sections 5.1, 5.2, 9.1, 9.2 and 12a; recorded ``download-options``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
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
from asyncdl.sandbox.granules import FILM, NAIP, SENTINEL, SRTM
from asyncdl.sandbox.scenes import LandsatScene, Scene
from asyncdl.sandbox.tiles import ArdTile


def hashed_id(*parts: str) -> str:
    """Return sixteen hex digits in the manner of the service's ids, always the same ones."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:16]


# --- product rows ------------------------------------------------------------------


def _tar(display_id: str) -> str:
    return f"{display_id}.tar"


@dataclass(frozen=True, slots=True)
class ProductRow:
    """One product that ``download-options`` lists for every scene of a dataset."""

    id: str
    code: str
    name: str
    system: str
    """``ls_zip`` and ``dds_ms`` are bundles, ``ls_frb`` browse images and ``dds`` ready-made
    files; ``folder`` only holds single files and is never delivered."""
    download_name: str | None = None
    has_files: bool = True
    """Whether a bundle or folder repeats the single files of the scene, or has null there."""
    file_name: Callable[[str], str] = _tar
    """Makes the name of what is delivered from the scene's display id."""
    part: str = ""
    """Of a bundle that holds a part of the files: what their names begin with."""
    browse: str = ""
    """Of a browse image: the parameters of its URL."""
    listed_bytes: int | None = None
    """What is listed as size for every scene, whatever the true one."""
    is_either: bool = False
    """Whether another row is the same bundle on the other host: one of both can be had."""
    lists_checksum: bool = False
    """Whether the row has a checksum without a value."""

    @property
    def is_bundle(self) -> bool:
        """Whether this is a tar of single files, made when it is asked for."""
        return self.system in ("ls_zip", "dds_ms")

    @property
    def holds_files(self) -> bool:
        """Whether this has to do with single files at all."""
        return self.is_bundle or self.system == "folder"

    @property
    def is_on_dds(self) -> bool:
        """Whether the older host delivers it."""
        return self.system in ("dds", "dds_ms")


@dataclass(frozen=True, slots=True)
class BrowseKind:
    """One kind of full-resolution browse image."""

    code: str
    words: str
    """What its name says it shows."""
    named: str | None
    """The same in its download name, which is null or empty for most."""
    form: str
    kind: str
    """``type`` in its URL."""
    end: str
    """Of its file name."""

    def row(self, dataset: str) -> ProductRow:
        """Return the product row of a dataset."""
        size, listed_bytes = _BROWSE_FORMS[self.form]
        title = f"Full Resolution Browse ({self.named}) {self.form}"
        return ProductRow(
            _row_id(dataset, self.code),
            self.code,
            f"Full-Resolution Browse ({self.words}) {self.form}",
            "ls_frb",
            title if self.named else self.named,
            file_name=lambda display_id: f"{display_id}{self.end}",
            browse=f"size={size}&type={self.kind}",
            listed_bytes=listed_bytes,
        )


_BROWSE_FORMS = {"GeoTIFF": ("frb", 14_680_064), "JPEG": ("frbj", 6_291_456)}
"""``size`` in the URL, and the bytes that are listed, by form."""
_BROWSES = (
    BrowseKind("D734", "Natural Color", "Reflective Color", "GeoTIFF", "refl", "_refl.tif"),
    BrowseKind("D735", "Thermal", "", "GeoTIFF", "tir", "_tir.tif"),
    BrowseKind("D736", "Quality", None, "GeoTIFF", "qb", "_qb.tif"),
    BrowseKind("D731", "Natural Color", "Reflective Color", "JPEG", "refl", ".jpg"),
    BrowseKind("D732", "Thermal", None, "JPEG", "tir", "_TIR.jpg"),
    BrowseKind("D733", "Quality", None, "JPEG", "qb", "_QB.jpg"),
)
"""The ends of ``_tir.tif``, ``_qb.tif`` and ``_QB.jpg`` are not on record."""

_KNOWN_IDS = {
    ("landsat_ot_c2_l1", "D805"): "632211e26883b1f7",
    ("landsat_ot_c2_l1", "D687"): "73ceb05468b7e8c2",
    ("landsat_ot_c2_l1", "D689"): "6447cc2e2a09aab6",
    ("landsat_ot_c2_l1", "D690"): "5e81f14f92acf9ef",
    ("landsat_ot_c2_l1", "D734"): "5e9eb01274d7924f",
    ("landsat_ot_c2_l1", "D735"): "5e9eb12795d8231b",
    ("landsat_ot_c2_l1", "D736"): "5e9eb2249228fe8f",
    ("landsat_ot_c2_l1", "D731"): "5f6184a83f05bbf9",
    ("landsat_ot_c2_l1", "D732"): "5f618512b2d7b4be",
    ("landsat_ot_c2_l1", "D733"): "5f618552dc40c587",
    ("landsat_etm_c2_l1", "D690"): "5e83d0d08fec8a66",
    ("landsat_tm_c2_l1", "D690"): "5e83d0a0f94d7d8d",
    ("landsat_tm_c2_l1", "D805"): "63231219fdd8c4e5",
    ("landsat_tm_c2_l1", "D734"): "5e9eb4f5ebb15d46",
    ("landsat_tm_c2_l1", "D735"): "5e9eb5318675b02d",
    ("landsat_ot_c2_l2", "D694"): "5e83d14fec7cae84",
    ("landsat_ot_c2_l2", "D693"): "6448198cc7b442a4",
    ("landsat_ot_c2_l2", "D691"): "6448198c62023764",
    ("landsat_ot_c2_l2", "D806"): "632210d4770592cf",
    ("landsat_etm_c2_l2", "D694"): "5e83d12aed0efa58",
    ("landsat_etm_c2_l2", "D806"): "632311068b0935a8",
    ("landsat_tm_c2_l2", "D694"): "5e83d11933473426",
    ("landsat_tm_c2_l2", "D806"): "632312ba6c0988ef",
}
"""Product ids that were recorded, or that published programs use. The codes of other
datasets than ``landsat_ot_c2_*`` are not on record, and taken to be the same."""


def _row_id(dataset: str, code: str) -> str:
    return _KNOWN_IDS.get((dataset, code)) or hashed_id(dataset, code)


def _level_1_rows(dataset: str) -> tuple[ProductRow, ...]:
    name = "Landsat Collection 2 Level-1 Product Bundle"
    # Of what is not on record the lists are null: both forms have been seen.
    is_recorded = dataset == "landsat_ot_c2_l1"

    def bundle(code: str, system: str) -> ProductRow:
        id_ = _row_id(dataset, code)
        return ProductRow(id_, code, name, system, "", has_files=is_recorded, is_either=True)

    folders = (_folder(dataset, code, lists_checksum=is_recorded) for code in ("D687", "D689"))
    staged, ready = bundle("D805", "dds_ms"), bundle("D690", "ls_zip")
    browses = (browse.row(dataset) for browse in _BROWSES if _has_browse(dataset, browse))
    return staged, *folders, ready, *browses


def _folder(dataset: str, code: str, *, lists_checksum: bool = False) -> ProductRow:
    return ProductRow(
        _row_id(dataset, code),
        code,
        f"Landsat Collection 2 Level-{dataset[-1]} Band File",
        "folder",
        f"C2L{dataset[-1]} Tile Product Files",
        lists_checksum=lists_checksum,
    )


def _has_browse(dataset: str, browse: BrowseKind) -> bool:
    return not (dataset == "landsat_mss_c2_l1" and browse.kind == "tir")


def _level_2_rows(dataset: str) -> tuple[ProductRow, ...]:
    name = "Landsat Collection 2 Level-2 Product Bundle"
    is_recorded = dataset == "landsat_ot_c2_l2"

    def bundle(code: str, system: str) -> ProductRow:
        id_ = _row_id(dataset, code)
        return ProductRow(id_, code, name, system, has_files=is_recorded, is_either=True)

    folders = (_folder(dataset, code) for code in ("D693", "D691"))
    return bundle("D694", "ls_zip"), *folders, bundle("D806", "dds_ms")


_TILE_BUNDLES = (
    ("D772", "Metadata", "META"),
    ("D773", "Surface Reflectance", "SR"),
    ("D774", "Surface Temperature", "ST"),
    ("D775", "Top of Atmosphere", "TOA"),
    ("D776", "Brightness Temperature", "BT"),
    ("D777", "Quality Assessment", "QA"),
)
"""The name of D773 is on record, and that all end in ``Bundle Download``."""


def _tile_rows(dataset: str) -> tuple[ProductRow, ...]:
    def bundle(code: str, words: str, part: str) -> ProductRow:
        return ProductRow(
            hashed_id(dataset, code),
            code,
            f"C2 ARD Tile {words} Bundle Download",
            "ls_zip",
            file_name=lambda display_id: f"{display_id}_{part}.tar",
            part=part,
        )

    folder = ProductRow(hashed_id(dataset, "D771"), "D771", "C2 ARD Tile Band Download", "folder")
    return folder, *(bundle(*row) for row in _TILE_BUNDLES)


def _cell_name(display_id: str) -> str:
    """Return how the files of a cell begin: ``n37_w119_1arc_v3`` for ``SRTM1N37W119V3``."""
    return f"{display_id[5:8]}_{display_id[8:12]}_1arc_v3".lower()


def _ready(
    dataset: str, id_: str | None, code: str, name: str, file_name: Callable[[str], str]
) -> ProductRow:
    return ProductRow(id_ or hashed_id(dataset, code), code, name, "dds", file_name=file_name)


# Codes from D990 on are not on record.
_READY_MADE: Mapping[str, tuple[ProductRow, ...]] = {
    SRTM: (
        _ready(SRTM, None, "D990", "DTED 1 Arc-second", lambda d: f"{_cell_name(d)}.dt2"),
        _ready(SRTM, None, "D991", "BIL 1 Arc-second", lambda d: f"{_cell_name(d)}_bil.zip"),
        _ready(SRTM, None, "D539", "GeoTIFF 1 Arc-second", lambda d: f"{_cell_name(d)}.tif"),
    ),
    NAIP: (
        _ready(NAIP, "5e83a340275f0f2c", "D441", "Full Resolution", lambda d: f"{d.lower()}.zip"),
        _ready(NAIP, "5e83a340968fe48c", "D482", "Compressed", lambda d: f"{d.lower()}_c.zip"),
    ),
    SENTINEL: (
        _ready(
            SENTINEL,
            "5e83a42c6eba8084",
            "D557",
            "L1C Tile in JPEG2000 format",
            lambda d: f"{d}.zip",
        ),
        _ready(
            SENTINEL, None, "D556", "Full Resolution Browse in GeoTIFF format", lambda d: f"{d}.tif"
        ),
    ),
    FILM: (
        _ready(FILM, None, "D992", "High Resolution Download", lambda d: f"{d}.tgz"),
        _ready(FILM, None, "D993", "Medium Resolution Download", lambda d: f"{d}.tif"),
    ),
}


@lru_cache(maxsize=32)
def rows_of(dataset: str) -> tuple[ProductRow, ...]:
    """Return the product rows of a dataset, in the service's order; none if it has no scenes."""
    if dataset == ARD_DATASET:
        return _tile_rows(dataset)
    if dataset in _LEVEL_2:
        return _level_2_rows(dataset)
    if dataset in _LEVEL_1:
        return _level_1_rows(dataset)
    return _READY_MADE.get(dataset, ())


def find_row(dataset: str, product_id: str) -> ProductRow | None:
    """Return the row of a dataset that has this id."""
    return next((row for row in rows_of(dataset) if row.id == product_id), None)


_LEVEL_1 = tuple(f"landsat_{word}_c2_l1" for word in ("ot", "etm", "tm", "mss"))
_LEVEL_2 = tuple(f"landsat_{word}_c2_l2" for word in ("ot", "etm", "tm"))


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
"""The same for the tiles of the United States; its ids are not on record."""


def band_dataset(dataset: str) -> BandDataset | None:
    """Return the band-file dataset that belongs to a scene dataset, if one does."""
    if dataset == ARD_DATASET:
        return TILE_FILES
    return BAND_DATASETS[dataset[-1]] if dataset in (*_LEVEL_1, *_LEVEL_2) else None


@dataclass(frozen=True, slots=True)
class SceneFile:
    """One kind of file that scenes of a certain product have."""

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


def files_of(scene: Scene) -> tuple[SceneFile, ...]:
    """Return the single files of a scene, in the service's order; many scenes have none."""
    if isinstance(scene, LandsatScene):
        product = scene.product
        return _files_of_kind(product.sensor, product.satellite, product.level, scene.dataset)
    return _tile_files(scene.tile.satellite) if isinstance(scene, ArdTile) else ()


def members_of(scene: Scene, row: ProductRow) -> tuple[SceneFile, ...]:
    """Return the single files that stand in a bundle."""
    if not row.part:
        return files_of(scene)
    beginnings = _MEMBERS.get(row.part, (f"{row.part}_",))
    return tuple(file for file in files_of(scene) if file.suffix.startswith(beginnings))


# --- files of tiles

_MEMBERS = {"TOA": ("TOA_", *(name[:3] for name in _ANGLES)), "META": ("MTL", "thumb")}
"""What else than their own word the names of a bundle's members begin with."""
_TILE_PARTS = ("SR", "ST", "TOA", "BT")
"""The parts that have a STAC item each."""


@lru_cache(maxsize=16)
def _tile_files(satellite: int) -> tuple[SceneFile, ...]:
    """Return the files of a tile. That a tile of Landsat 9 has 42 is on record, and their kinds.

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
    """Return the file of a scene that stands under ``entity_id``."""
    return next((f for f in files if f.entity_id(display_id) == entity_id), None)
