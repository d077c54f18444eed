"""The products of a scene: what ``download-options`` lists, one row each.

Source: API notes, sections 5.1, 9.2 and 12a; recorded ``download-options``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from asyncdl.m2m.naming import ARD_DATASET
from asyncdl.sandbox.granules import FILM, NAIP, SENTINEL, SRTM
from asyncdl.sandbox.landsat_scenes import SandboxScene
from asyncdl.sandbox.scene_files import LEVEL_1, LEVEL_2, SceneFile, files_of, hashed_id


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
    files; ``folder`` only contains single files and is never delivered."""
    download_name: str | None = None
    has_files: bool = True
    """Whether a bundle or folder lists the single files of the scene, instead of null."""
    file_name: Callable[[str], str] = _tar
    """Returns the file name for a scene's display id."""
    part: str = ""
    """Of a bundle with a part of the files: prefix of their names."""
    browse: str = ""
    """Of a browse image: the parameters of its URL."""
    listed_bytes: int | None = None
    """The size listed for every scene, whatever the real one."""
    is_either: bool = False
    """Whether another row is the same bundle on the other host; only one is available."""
    lists_checksum: bool = False
    """Whether the row has a checksum without a value."""

    @property
    def is_bundle(self) -> bool:
        """Whether this is a tar of single files, made on request."""
        return self.system in ("ls_zip", "dds_ms")

    @property
    def holds_files(self) -> bool:
        """Whether this is a bundle or folder of single files."""
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
    """What the image shows, in its product name."""
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
"""The suffixes ``_tir.tif``, ``_qb.tif`` and ``_QB.jpg`` are not on record."""

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
"""Product ids that were recorded, or that published programs use. The codes of datasets
other than ``landsat_ot_c2_*`` are not on record and assumed to be the same."""


def _row_id(dataset: str, code: str) -> str:
    return _KNOWN_IDS.get((dataset, code)) or hashed_id(dataset, code)


def _level_1_rows(dataset: str) -> tuple[ProductRow, ...]:
    name = "Landsat Collection 2 Level-1 Product Bundle"
    # Lists that are not on record are null: both forms have been recorded.
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
"""On record: the name of D773, that all names end in ``Bundle Download``, and that a tile
has eight products, one of them a browse image."""


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
    browse = BrowseKind("D994", "Natural Color", None, "JPEG", "refl", ".jpg")
    return folder, *(bundle(*row) for row in _TILE_BUNDLES), browse.row(dataset)


def _cell_name(display_id: str) -> str:
    """Return the name prefix of a cell's files: ``n37_w119_1arc_v3`` for ``SRTM1N37W119V3``."""
    return f"{display_id[5:8]}_{display_id[8:12]}_1arc_v3".lower()


def _ready(
    dataset: str, id_: str | None, code: str, name: str, file_name: Callable[[str], str]
) -> ProductRow:
    return ProductRow(id_ or hashed_id(dataset, code), code, name, "dds", file_name=file_name)


# Codes from D990 on are not on record, nor are ids given as None.
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
    if dataset in LEVEL_2:
        return _level_2_rows(dataset)
    if dataset in LEVEL_1:
        return _level_1_rows(dataset)
    return _READY_MADE.get(dataset, ())


def find_row(dataset: str, product_id: str) -> ProductRow | None:
    """Return the row of a dataset with this id."""
    return next((row for row in rows_of(dataset) if row.id == product_id), None)


def members_of(scene: SandboxScene, row: ProductRow) -> tuple[SceneFile, ...]:
    """Return the single files in a bundle."""
    if not row.part:
        return files_of(scene)
    beginnings = _MEMBERS.get(row.part, (f"{row.part}_",))
    return tuple(file for file in files_of(scene) if file.suffix.startswith(beginnings))


_MEMBERS = {"TOA": ("TOA_", "SAA", "SZA", "VAA", "VZA"), "META": ("MTL", "thumb")}
"""Name prefixes of the members of bundles, where they are not the bundle's part."""
