"""From the ids that callers send to scenes and files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time

from asyncdl.m2m.naming import dataset_of, product_id_of_file
from asyncdl.sandbox.catalog import Catalog
from asyncdl.sandbox.product_rows import ProductRow, rows_of
from asyncdl.sandbox.products import SceneFile, files_of, find_file, product_of_entity
from asyncdl.sandbox.scenes import SandboxScene


@dataclass(frozen=True, slots=True)
class Requestable:
    """Something that can be downloaded: one single file of a scene, or one of its products."""

    scene: SandboxScene
    file: SceneFile | None = None
    row: ProductRow | None = None
    """The product; of file and product there is exactly one."""

    @property
    def entity_id(self) -> str:
        """The entity id it is requested by."""
        return self.file.entity_id(self.scene.display_id) if self.file else self.scene.entity_id

    @property
    def display_id(self) -> str:
        """The id that people know it by: a single file's is its name."""
        return self.file.name(self.scene.display_id) if self.file else self.scene.display_id

    @property
    def signed_name(self) -> str:
        """What a signature speaks of: the file's name, or what it is called in the URL."""
        if self.row and self.row.browse:
            return self.scene.display_id
        return self.file_name.removesuffix(".tar")

    @property
    def file_name(self) -> str:
        """The name under which a client should keep it. Entities may share one."""
        display_id = self.scene.display_id
        if self.file:
            return self.file.name(display_id)
        return self.row.file_name(display_id) if self.row else display_id

    @property
    def is_bundle(self) -> bool:
        """Whether it is made when it is asked for."""
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
    """Return what has a file name.

    Args:
        catalog: What there is.
        file_name: Such as ``…_SR_B4.TIF``, or ``….tar``. Where entities share a name:
            ``<entity id>/<file name>``; without it the first one of them counts.
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
