"""The bytes behind every file: made when they are asked for, and always the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from asyncdl.sandbox.bundles import Blob, Bundle, SizedContent, smallest_jpeg
from asyncdl.sandbox.catalog import Catalog
from asyncdl.sandbox.digests import Digests, digest
from asyncdl.sandbox.granule_files import make_file
from asyncdl.sandbox.granules import Granule
from asyncdl.sandbox.lookup import Requestable
from asyncdl.sandbox.metadata import text_file
from asyncdl.sandbox.product_rows import ProductRow, find_row, members_of
from asyncdl.sandbox.products import SceneFile
from asyncdl.sandbox.rasters import Frame, Raster, Shape, albers_frame, of_size, scene_frame, square
from asyncdl.sandbox.scenes import LandsatScene, SandboxScene
from asyncdl.sandbox.stac import COMPANIONS, Json, dump_item, make_item, parts_of
from asyncdl.sandbox.tile_texts import tile_text
from asyncdl.sandbox.tiles import ArdTile

_KEPT_FILES = 64
"""Open rasters and texts; each holds its noise pattern, a small part of the file."""
_KEPT_BUNDLES = 8
_KEPT_SIZES = 4096
_KEPT_DIGESTS = 4096
"""About half a kilobyte each. The items of a scene share some of their files."""
_BYTE_RASTERS = ("QA_AEROSOL", "CLOUD_QA", "QA_RADSAT")
"""Rasters of one byte a pixel."""
_MAX_DIGESTED_BYTES = 4 * 2**20
"""Larger files get no digests: computing them would hold up the server."""


@dataclass(frozen=True, slots=True)
class RasterSize:
    """How large the rasters are: by pixels, or in bytes."""

    pixels: int = 64
    """Width and height."""
    size_bytes: int | None = None
    """If given, each raster file is exactly so large."""

    def shape(self, bytes_per_pixel: int) -> Shape:
        """Return the shape of one raster."""
        if self.size_bytes is None:
            return square(self.pixels, bytes_per_pixel)
        return of_size(self.size_bytes, bytes_per_pixel)


class Archive:
    """Makes the files of the catalogue's scenes.

    Args:
        catalog: Whose scenes.
        raster_size: Size of all rasters.
        seed: Another seed makes other pixels.
    """

    def __init__(self, catalog: Catalog, raster_size: RasterSize, seed: int) -> None:
        self._catalog = catalog
        self._seed = seed
        self._shapes = {width: raster_size.shape(width) for width in (1, 2)}
        self._files = lru_cache(maxsize=_KEPT_FILES)(self._make_file)
        self._bundles = lru_cache(maxsize=_KEPT_BUNDLES)(self._make_bundle)
        self._digests = lru_cache(maxsize=_KEPT_DIGESTS)(self._digest)
        self._text_sizes = lru_cache(maxsize=_KEPT_SIZES)(self._text_size)
        self._ready_made = lru_cache(maxsize=_KEPT_FILES)(self._make_ready_made)

    def file(self, scene: SandboxScene, file: SceneFile) -> SizedContent:
        """Return the content of one single file."""
        return self._files(scene.number, file.suffix)

    def content(
        self, target: Requestable, mtime: int = 0, lacking: int | None = None
    ) -> SizedContent:
        """Return what a target is; ``mtime`` and ``lacking`` as in :meth:`product`.

        Raises: KeyError, for a target that is nothing.
        """
        if target.file is not None:
            return self.file(target.scene, target.file)
        if target.row is None:
            raise KeyError(target.entity_id)
        return self.product(target.scene, target.row, mtime, lacking)

    def size(self, target: Requestable) -> int:
        """Return the size that is listed for a target."""
        if target.file is not None:
            return self.file_size(target.scene, target.file)
        return self.product_size(target.scene, target.row) if target.row else 0

    def product(
        self, scene: SandboxScene, row: ProductRow, mtime: int = 0, lacking: int | None = None
    ) -> SizedContent:
        """Return what a product row of a scene delivers.

        Args:
            scene: Whose product.
            row: Which one; no folder.
            mtime: Of a bundle: another one makes other bytes.
            lacking: Of a bundle: index of a file to leave out.
        """
        if row.is_bundle:
            return self._bundles(scene.number, row.id, mtime, lacking)
        return self._ready_made(scene.number, row.id)

    def product_size(self, scene: SandboxScene, row: ProductRow) -> int:
        """Return the size that is listed for a product: exact only for what is ready-made."""
        if row.system == "folder":
            return 0
        if row.listed_bytes is not None:
            return row.listed_bytes
        if row.is_bundle:
            # The files added up, which is not the tar's length: the service's habit.
            return sum(self.file_size(scene, file) for file in members_of(scene, row))
        return self.product(scene, row).size

    def file_size(self, scene: SandboxScene, file: SceneFile) -> int:
        """Return the exact size of a single file without making its pixels."""
        if file.suffix.endswith(".TIF"):
            return self._shape(file.suffix).size_bytes
        return self._text_sizes(scene.number, file.suffix)

    def digests(self, scene: SandboxScene, file: SceneFile) -> Digests | None:
        """Return the digests of a single file, if it is small enough to compute them."""
        return self._digests(scene.number, file.suffix)

    def stac_item(self, scene: LandsatScene, part: str, *, with_digests: bool = True) -> Json:
        """Return the STAC item of a scene.

        Args:
            scene: Whose item.
            part: ``SR``, ``ST``, or empty for level 1.
            with_digests: Items of the first years have none.
        """
        return make_item(
            scene,
            part,
            lambda suffix: self._digests(scene.number, suffix) if with_digests else None,
        )

    def _shape(self, suffix: str) -> Shape:
        return self._shapes[1 if any(word in suffix for word in _BYTE_RASTERS) else 2]

    def _digest(self, number: int, suffix: str) -> Digests | None:
        content = self._files(number, suffix)
        return None if content.size > _MAX_DIGESTED_BYTES else digest(content)

    def _text_size(self, number: int, suffix: str) -> int:
        return self._files(number, suffix).size

    def _make_file(self, number: int, suffix: str) -> SizedContent:
        scene = self._catalog.scene(number)
        if suffix.endswith(".jpeg"):
            return Blob(smallest_jpeg())
        if suffix.endswith(".TIF"):
            name = f"{scene.display_id}_{suffix}"
            return Raster(name, self._shape(suffix), _frame_of(scene), self._seed)
        if isinstance(scene, ArdTile):
            return Blob(tile_text(scene, suffix))
        return Blob(text_file(_landsat(scene), suffix))

    def _row(self, number: int, product_id: str) -> tuple[SandboxScene, ProductRow]:
        scene = self._catalog.scene(number)
        row = find_row(scene.dataset, product_id)
        if row is None:
            raise KeyError(product_id)
        return scene, row

    def _make_ready_made(self, number: int, product_id: str) -> SizedContent:
        scene, row = self._row(number, product_id)
        if isinstance(scene, Granule):
            return Blob(make_file(scene, row, self._seed))
        name = row.file_name(scene.display_id)
        if name.endswith(".jpg"):
            return Blob(smallest_jpeg(name))
        return Raster(name, self._shapes[1], _frame_of(scene), self._seed)

    def _make_bundle(
        self, number: int, product_id: str, mtime: int, lacking: int | None
    ) -> SizedContent:
        scene, row = self._row(number, product_id)
        files = [
            (file.name(scene.display_id), self._make_file(number, file.suffix))
            for file in members_of(scene, row)
            if file.index != lacking
        ]
        extras = self._extras(scene) if isinstance(scene, LandsatScene) else []
        return Bundle([*files, *extras], mtime)

    def _extras(self, scene: LandsatScene) -> list[tuple[str, SizedContent]]:
        """Return what a bundle holds beyond the files that can be had one by one."""
        display_id = scene.display_id
        extras = [(f"{display_id}_{s}", self._make_file(scene.number, s)) for s in COMPANIONS]
        for part in parts_of(scene):
            name = f"{display_id}_{part}_stac.json" if part else f"{display_id}_stac.json"
            extras.append((name, Blob(dump_item(self.stac_item(scene, part)))))
        return extras


def _frame_of(scene: SandboxScene) -> Frame:
    if isinstance(scene, ArdTile):
        return albers_frame(scene.box, scene.cone)
    return scene_frame(scene.footprint)


def _landsat(scene: SandboxScene) -> LandsatScene:
    if not isinstance(scene, LandsatScene):
        raise TypeError(f"{scene.display_id} is no Landsat scene")
    return scene
