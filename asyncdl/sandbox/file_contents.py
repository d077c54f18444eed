"""The bytes of every file: made on request, and always the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from asyncdl.sandbox.cogs import Cog, CogShape
from asyncdl.sandbox.granule_files import make_file
from asyncdl.sandbox.granules import Granule
from asyncdl.sandbox.landsat_scenes import LandsatScene, SandboxScene
from asyncdl.sandbox.lookup import Requestable, find_target
from asyncdl.sandbox.mtl_files import text_file
from asyncdl.sandbox.product_rows import ProductRow, find_row, members_of
from asyncdl.sandbox.rasters import Frame, Raster, Shape, albers_frame, of_size, scene_frame, square
from asyncdl.sandbox.scene_catalog import Catalog
from asyncdl.sandbox.scene_files import SceneFile
from asyncdl.sandbox.sized_content import Blob, Bundle, Digests, SizedContent, digest, smallest_jpeg
from asyncdl.sandbox.stac_items import COMPANIONS, Json, dump_item, make_item, parts_of
from asyncdl.sandbox.tiles import ArdTile, tile_text

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
    is_full: bool = False
    """Whether rasters are cloud-optimised GeoTIFFs with a pixel for each 30 metres instead."""

    def shape(self, bytes_per_pixel: int) -> Shape:
        """Return the shape of one raster."""
        if self.size_bytes is None:
            return square(self.pixels, bytes_per_pixel)
        return of_size(self.size_bytes, bytes_per_pixel)


class FileContents:
    """Makes the files of the catalogue's scenes.

    Args:
        catalog: The scenes.
        raster_size: Size of all rasters.
        seed: Random seed for the pixel values.
    """

    def __init__(self, catalog: Catalog, raster_size: RasterSize, seed: int) -> None:
        self._catalog = catalog
        self._seed = seed
        self._is_full = raster_size.is_full
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
        self, target: Requestable, mtime: int = 0, missing: int | None = None
    ) -> SizedContent:
        """Return the content of a target; ``mtime`` and ``missing`` as in :meth:`product`.

        Raises: KeyError, for a target that is neither file nor product.
        """
        if target.file is not None:
            return self.file(target.scene, target.file)
        if target.row is None:
            raise KeyError(target.entity_id)
        return self.product(target.scene, target.row, mtime, missing)

    def size(self, target: Requestable) -> int:
        """Return the size that the API lists for a target."""
        if target.file is not None:
            return self.file_size(target.scene, target.file)
        return self.product_size(target.scene, target.row) if target.row else 0

    def product(
        self, scene: SandboxScene, row: ProductRow, mtime: int = 0, missing: int | None = None
    ) -> SizedContent:
        """Return the content of one product of a scene.

        Args:
            scene: The scene.
            row: The product; not a folder.
            mtime: Modification time in a bundle's headers; changes its bytes.
            missing: Index of a file to leave out of a bundle.
        """
        if row.is_bundle:
            return self._bundles(scene.number, row.id, mtime, missing)
        return self._ready_made(scene.number, row.id)

    def product_size(self, scene: SandboxScene, row: ProductRow) -> int:
        """Return the size that the API lists for a product; exact only for ready-made files."""
        if row.system == "folder":
            return 0
        if row.listed_bytes is not None:
            return row.listed_bytes
        if row.is_bundle:
            # Like the service: the sum of the files, not the length of the tar.
            return sum(self.file_size(scene, file) for file in members_of(scene, row))
        return self.product(scene, row).size

    def file_size(self, scene: SandboxScene, file: SceneFile) -> int:
        """Return the exact size of a single file without making its pixels."""
        if file.suffix.endswith(".TIF"):
            return self._raster_bytes(scene, file.suffix)
        return self._text_sizes(scene.number, file.suffix)

    def digests(self, scene: SandboxScene, file: SceneFile) -> Digests | None:
        """Return the digests of a single file, if it is small enough to compute them."""
        return self._digests(scene.number, file.suffix)

    def stac_item(self, scene: LandsatScene, part: str, *, with_digests: bool = True) -> Json:
        """Return the STAC item of a scene.

        Args:
            scene: The scene.
            part: ``SR``, ``ST``, or empty for level 1.
            with_digests: ``False`` for items of the first years, which have none.
        """
        return make_item(
            scene,
            part,
            lambda suffix: self._digests(scene.number, suffix) if with_digests else None,
        )

    def _raster_bytes(self, scene: SandboxScene, suffix: str) -> int:
        if self._is_full:
            return self._files(scene.number, suffix).size
        return self._shapes[_bytes_per_pixel(suffix)].size_bytes

    def _raster(self, scene: SandboxScene, suffix: str) -> SizedContent:
        name, frame = f"{scene.display_id}_{suffix}", _frame_of(scene)
        width = _bytes_per_pixel(suffix)
        if self._is_full:
            return Cog(name, CogShape.of_frame(frame, width), frame, self._seed)
        return Raster(name, self._shapes[width], frame, self._seed)

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
            return self._raster(scene, suffix)
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
        self, number: int, product_id: str, mtime: int, missing: int | None
    ) -> SizedContent:
        scene, row = self._row(number, product_id)
        files = [
            (file.name(scene.display_id), self._make_file(number, file.suffix))
            for file in members_of(scene, row)
            if file.index != missing
        ]
        extras = self._extras(scene) if isinstance(scene, LandsatScene) else []
        return Bundle([*files, *extras], mtime)

    def _extras(self, scene: LandsatScene) -> list[tuple[str, SizedContent]]:
        """Return the members of a bundle that cannot be requested as single files."""
        display_id = scene.display_id
        extras = [(f"{display_id}_{s}", self._make_file(scene.number, s)) for s in COMPANIONS]
        for part in parts_of(scene):
            name = f"{display_id}_{part}_stac.json" if part else f"{display_id}_stac.json"
            extras.append((name, Blob(dump_item(self.stac_item(scene, part)))))
        return extras


def _bytes_per_pixel(suffix: str) -> int:
    return 1 if any(word in suffix for word in _BYTE_RASTERS) else 2


def _frame_of(scene: SandboxScene) -> Frame:
    if isinstance(scene, ArdTile):
        return albers_frame(scene.box, scene.cone)
    return scene_frame(scene.footprint)


def _landsat(scene: SandboxScene) -> LandsatScene:
    if not isinstance(scene, LandsatScene):
        raise TypeError(f"{scene.display_id} is not a Landsat scene")
    return scene


_CHUNK_BYTES = 1024 * 1024


class ExpectedFiles:
    """All files of a sandbox that was served with the same arguments.

    The process that verifies the bytes of a run need not be the one that served them.

    Args:
        scenes: Ids of scenes and U.S. tiles to add to the built-in ones.
        generated: Number of computed scenes to add.
        raster_pixels: Width and height of all rasters.
        file_size: Bytes of each raster file, instead of ``raster_pixels``; 1024 or more.
        full_size: Whether rasters are cloud-optimised GeoTIFFs of real size instead.
        seed: Random seed for the pixel values.
    Raises: ValueError, for an invalid id in ``scenes`` or an impossible ``file_size``.
    """

    def __init__(
        self,
        *,
        scenes: Sequence[str] = (),
        generated: int = 0,
        raster_pixels: int = 64,
        file_size: int | None = None,
        full_size: bool = False,
        seed: int = 0,
    ) -> None:
        self.catalog = Catalog(generated, tuple(scenes))
        raster_size = RasterSize(raster_pixels, file_size, full_size)
        self.contents = FileContents(self.catalog, raster_size, seed)

    def size_of(self, name: str) -> int:
        """Return the length of a file in bytes. Raises: KeyError, if it does not exist."""
        return self._content(name).size

    def bytes_of(self, name: str) -> bytes:
        """Return the content of a file. Raises: KeyError, if it does not exist."""
        return b"".join(self._chunks(name))

    def sha512_of(self, name: str) -> str:
        """Return the digest of a file in hex, however large it is.

        Args:
            name: Such as ``…_SR_B4.TIF``, or ``….tar`` for a bundle, as served while
                ``bundle_changes`` is off. Where entities share a file name:
                ``<entity id>/<file name>``.
        Raises: KeyError, if there is no such file.
        """
        digest = hashlib.sha512()
        for chunk in self._chunks(name):
            digest.update(chunk)
        return digest.hexdigest()

    def _chunks(self, name: str) -> Iterator[bytes]:
        content = self._content(name)
        for start in range(0, content.size, _CHUNK_BYTES):
            yield content.read(start, min(start + _CHUNK_BYTES, content.size))

    def _content(self, name: str) -> SizedContent:
        target = find_target(self.catalog, name)
        if target is None:
            raise KeyError(name)
        return self.contents.content(target, target.mtime)
