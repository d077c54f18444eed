"""Find scenes and files by the ids and names in requests, and the folder of each file.

Source: API notes, section 7.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time

from asyncdl.m2m.naming import ArdId, ProductId, dataset_of, product_id_of_file
from asyncdl.sandbox.landsat_scenes import LandsatScene, SandboxScene
from asyncdl.sandbox.product_rows import ProductRow, rows_of
from asyncdl.sandbox.scene_catalog import Catalog
from asyncdl.sandbox.scene_files import SceneFile, files_of, find_file, product_of_entity
from asyncdl.sandbox.tiles import ArdTile


@dataclass(frozen=True, slots=True)
class Requestable:
    """Something that can be downloaded: one file of a scene, or one of its products."""

    scene: SandboxScene
    file: SceneFile | None = None
    row: ProductRow | None = None
    """The product; either file or product is set."""

    @property
    def entity_id(self) -> str:
        """The entity id in requests."""
        return self.file.entity_id(self.scene.display_id) if self.file else self.scene.entity_id

    @property
    def display_id(self) -> str:
        """The display id; that of a single file is its name."""
        return self.file.name(self.scene.display_id) if self.file else self.scene.display_id

    @property
    def signed_name(self) -> str:
        """The name that is signed: the file's name, or its name in the URL."""
        if self.row and self.row.browse:
            return self.scene.display_id
        return self.file_name.removesuffix(".tar")

    @property
    def file_name(self) -> str:
        """The file name. Entities may share one."""
        display_id = self.scene.display_id
        if self.file:
            return self.file.name(display_id)
        return self.row.file_name(display_id) if self.row else display_id

    @property
    def is_bundle(self) -> bool:
        """Whether it is a tar that is made on request."""
        return self.row is not None and self.row.is_bundle

    @property
    def is_on_dds(self) -> bool:
        """Whether only the older host has it."""
        return self.row is not None and self.row.is_on_dds

    @property
    def mtime(self) -> int:
        """When the product was made, seconds since 1970."""
        noon = time(12, tzinfo=UTC)
        return int(datetime.combine(self.scene.processed, noon).timestamp())


def find_product(catalog: Catalog, display_id: str) -> SandboxScene | None:
    """Return the scene of a product id."""
    alias = dataset_of(display_id)
    return catalog.find(alias, display_id) if alias else None


def find_secondary(catalog: Catalog, entity_id: str) -> tuple[SandboxScene, SceneFile] | None:
    """Return scene and file of a single file's own entity id."""
    display_id = product_of_entity(entity_id)
    scene = find_product(catalog, display_id) if display_id else None
    if scene is None or display_id is None:
        return None
    file = find_file(files_of(scene), display_id, entity_id)
    return (scene, file) if file else None


def find_target(catalog: Catalog, file_name: str) -> Requestable | None:
    """Return the file or product with a file name.

    Args:
        catalog: All scenes.
        file_name: Such as ``…_SR_B4.TIF``, or ``….tar``. Where entities share a name:
            ``<entity id>/<file name>``; without the id the first one is returned.
    """
    entity_id, _, name = file_name.rpartition("/")
    display_id = product_id_of_file(name)
    if display_id is None:
        return _find_ready_made(catalog, entity_id, name)
    scene = find_product(catalog, display_id)
    if scene is None or entity_id not in ("", scene.entity_id, display_id):
        return None
    file = next((f for f in files_of(scene) if f.name(display_id) == name), None)
    return Requestable(scene, file) if file else _find_product_named(scene, name)


def _find_product_named(scene: SandboxScene, name: str) -> Requestable | None:
    for row in rows_of(scene.dataset):
        if row.system != "folder" and row.file_name(scene.display_id) == name:
            return Requestable(scene, None, row)
    return None


def find_browse(catalog: Catalog, display_id: str, browse: str) -> str | None:
    """Return the file name of a browse image, from the parameters of its URL."""
    scene = find_product(catalog, display_id)
    rows = rows_of(scene.dataset) if scene else ()
    return next((row.file_name(display_id) for row in rows if row.browse == browse), None)


def _find_ready_made(catalog: Catalog, entity_id: str, name: str) -> Requestable | None:
    named = (
        _find_product_named(granule, name)
        for granule in catalog.granules
        if entity_id in ("", granule.entity_id)
    )
    return next(filter(None, named), None)


def find_scenes(catalog: Catalog, dataset: str, entity_ids: Iterable[str]) -> list[SandboxScene]:
    """Return the scenes of some entity ids, each once, in the service's order."""
    scenes = (catalog.find(dataset, one) for one in dict.fromkeys(entity_ids))
    known = (scene for scene in scenes if scene is not None)
    return sorted(known, key=lambda scene: scene.entity_id)


def folder_of(product: ProductId) -> str:
    """Return the folder, such as ``level-2/standard/oli-tirs/2020/068/017/LC08_…``."""
    place = f"{product.acquired.year}/{product.path:03}/{product.row:03}"
    return f"level-{product.level[1]}/standard/{_instrument(product)}/{place}/{product}"


def folder_of_target(target: Requestable) -> str:
    """Return the folder of something that is not a bundle, whatever its dataset."""
    scene = target.scene
    if isinstance(scene, LandsatScene):
        return folder_of(scene.product)
    if isinstance(scene, ArdTile):
        tile = scene.tile
        place = f"{tile.region}/{tile.horizontal:03}/{tile.vertical:03}"
        return f"{_instrument(tile)}/{tile.acquired.year}/{place}/{tile}"
    return f"{scene.dataset}/{scene.entity_id}"


def _instrument(product: ProductId | ArdId) -> str:
    if product.satellite >= 8:
        return "oli-tirs"
    return {"E": "etm", "T": "tm", "M": "mss"}[product.sensor]
