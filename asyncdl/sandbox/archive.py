"""The bytes behind every file: made when they are asked for, and always the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from asyncdl.sandbox.bundles import Blob, Bundle, Content, smallest_jpeg
from asyncdl.sandbox.catalog import Catalog
from asyncdl.sandbox.digests import Digests, digest
from asyncdl.sandbox.metadata import text_file
from asyncdl.sandbox.products import SceneFile, files_of
from asyncdl.sandbox.rasters import Raster, Shape, of_size, square
from asyncdl.sandbox.scenes import Scene
from asyncdl.sandbox.stac import COMPANIONS, Json, dump_item, make_item, parts_of

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

    def file(self, scene: Scene, file: SceneFile) -> Content:
        """Return the content of one single file."""
        return self._files(scene.number, file.suffix)

    def bundle(self, scene: Scene, mtime: int = 0, lacking: int | None = None) -> Content:
        """Return the tar of all files of a scene.

        Args:
            scene: Whose files.
            mtime: Another one makes other bytes.
            lacking: Index of a file to leave out.
        """
        return self._bundles(scene.number, mtime, lacking)

    def file_size(self, scene: Scene, file: SceneFile) -> int:
        """Return the exact size of a single file without making its pixels."""
        if file.suffix.endswith(".TIF"):
            return self._shape(file.suffix).size_bytes
        return self._text_sizes(scene.number, file.suffix)

    def bundle_estimate(self, scene: Scene) -> int:
        """Return what the service would list: the files added up, which is not the tar's length."""
        return sum(self.file_size(scene, file) for file in files_of(scene))

    def digests(self, scene: Scene, file: SceneFile) -> Digests | None:
        """Return the digests of a single file, if it is small enough to compute them."""
        return self._digests(scene.number, file.suffix)

    def stac_item(self, scene: Scene, part: str, *, with_digests: bool = True) -> Json:
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
        return len(text_file(self._catalog.scene(number), suffix))

    def _make_file(self, number: int, suffix: str) -> Content:
        scene = self._catalog.scene(number)
        if suffix.endswith(".jpeg"):
            return Blob(smallest_jpeg())
        if not suffix.endswith(".TIF"):
            return Blob(text_file(scene, suffix))
        name = f"{scene.display_id}_{suffix}"
        return Raster(name, self._shape(suffix), scene.footprint, self._seed)

    def _make_bundle(self, number: int, mtime: int, lacking: int | None) -> Content:
        scene = self._catalog.scene(number)
        display_id = scene.display_id
        files = [
            (f.name(display_id), self._make_file(number, f.suffix))
            for f in files_of(scene)
            if f.index != lacking
        ]
        return Bundle([*files, *self._extras(scene)], mtime)

    def _extras(self, scene: Scene) -> list[tuple[str, Content]]:
        """Return what a bundle holds beyond the files that can be had one by one."""
        display_id = scene.display_id
        extras = [(f"{display_id}_{s}", self._make_file(scene.number, s)) for s in COMPANIONS]
        for part in parts_of(scene):
            name = f"{display_id}_{part}_stac.json" if part else f"{display_id}_stac.json"
            extras.append((name, Blob(dump_item(self.stac_item(scene, part)))))
        return extras
