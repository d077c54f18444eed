"""From the ids that callers send to scenes and files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time

from asyncdl.m2m.naming import dataset_of, product_id_of_file
from asyncdl.sandbox.catalog import Catalog
from asyncdl.sandbox.products import SceneFile, files_of, find_file, product_of_entity
from asyncdl.sandbox.scenes import Scene


@dataclass(frozen=True, slots=True)
class Target:
    """Something that can be downloaded: one file of a scene, or its bundle."""

    scene: Scene
    file: SceneFile | None
    """``None`` for the bundle."""

    @property
    def entity_id(self) -> str:
        """The entity id it is requested by."""
        return self.file.entity_id(self.scene.display_id) if self.file else self.scene.entity_id

    @property
    def signed_name(self) -> str:
        """What a signature speaks of: the file name, or the product id for a bundle."""
        display_id = self.scene.display_id
        return self.file.name(display_id) if self.file else display_id

    @property
    def file_name(self) -> str:
        """The name under which a client should keep it."""
        return self.signed_name if self.file else f"{self.signed_name}.tar"

    @property
    def mtime(self) -> int:
        """When the product was made, seconds since 1970."""
        noon = time(12, tzinfo=UTC)
        return int(datetime.combine(self.scene.product.processed, noon).timestamp())


def find_product(catalog: Catalog, display_id: str) -> Scene | None:
    """Return the scene of a product id."""
    alias = dataset_of(display_id)
    return catalog.find(alias, display_id) if alias else None


def find_secondary(catalog: Catalog, entity_id: str) -> tuple[Scene, SceneFile] | None:
    """Return scene and file of a single file's own entity id."""
    display_id = product_of_entity(entity_id)
    scene = find_product(catalog, display_id) if display_id else None
    if scene is None or display_id is None:
        return None
    file = find_file(files_of(scene), display_id, entity_id)
    return (scene, file) if file else None


def find_target(catalog: Catalog, file_name: str) -> Target | None:
    """Return the file of a name such as ``…_SR_B4.TIF``, or the bundle of ``….tar``."""
    display_id = product_id_of_file(file_name)
    scene = find_product(catalog, display_id) if display_id else None
    if scene is None or display_id is None:
        return None
    if file_name == f"{display_id}.tar":
        return Target(scene, None)
    file = next((f for f in files_of(scene) if f.name(display_id) == file_name), None)
    return Target(scene, file) if file else None


def find_scenes(catalog: Catalog, dataset: str, entity_ids: Iterable[str]) -> list[Scene]:
    """Return the scenes of some entity ids, each once, in the service's order."""
    scenes = (catalog.find(dataset, one) for one in dict.fromkeys(entity_ids))
    known = (scene for scene in scenes if scene is not None)
    return sorted(known, key=lambda scene: scene.entity_id)
