"""STAC items with digests, as in bundles and from the STAC service.

Source: recorded items of 2022; API notes, section 8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import orjson

from asyncdl.m2m.naming import parse_product_id
from asyncdl.sandbox.geometry import bounds
from asyncdl.sandbox.landsat_scenes import LandsatScene
from asyncdl.sandbox.lookup import folder_of
from asyncdl.sandbox.scene_files import SceneFile, files_of
from asyncdl.sandbox.sized_content import Digests

Json: TypeAlias = Any

COMPANIONS = ("thumb_small.jpeg", "thumb_large.jpeg", "MTL.json")
"""Suffixes of files that are in items and bundles, but not listed by M2M."""
_PARTS = ("SR", "ST")
_BROWSER = "https://landsatlook.usgs.gov/stac-browser/collection02"
_KEYS = {
    "thumb_small.jpeg": "thumbnail",
    "thumb_large.jpeg": "reduced_resolution_browse",
    **{name: name for name in ("MTL.json", "MTL.txt", "MTL.xml", "ANG.txt", "GCP.txt")},
}
"""Names of assets that are not named after a band."""
_TYPES = {
    "TIF": "image/vnd.stac.geotiff; cloud-optimized=true",
    "txt": "text/plain",
    "xml": "application/xml",
    "json": "application/json",
    "jpeg": "image/jpeg",
}


def parts_of(scene: LandsatScene) -> tuple[str, ...]:
    """Return the parts of a scene with an item: ``SR`` and ``ST`` at level 2, otherwise ``""``."""
    if scene.product.level == "L2SP":
        return _PARTS
    return ("SR",) if scene.product.level == "L2SR" else ("",)


def collection_of(scene: LandsatScene, part: str) -> str:
    """Return the id of the collection that an item belongs to."""
    return f"landsat-c2l2-{part.lower()}" if part else "landsat-c2l1"


def split_item_id(item_id: str) -> tuple[str, str] | None:
    """Split an item id into product id and part; ``None`` if it is invalid."""
    for part in _PARTS:
        display_id = item_id.removesuffix(f"_{part}")
        if display_id != item_id and parse_product_id(display_id):
            return display_id, part
    return (item_id, "") if parse_product_id(item_id) else None


def make_item(scene: LandsatScene, part: str, digests: Callable[[str], Digests | None]) -> Json:
    """Return one STAC item.

    Args:
        scene: The scene.
        part: One of :func:`parts_of`.
        digests: Returns the digests of the file with a suffix, if known.
    """
    display_id, footprint = scene.display_id, scene.footprint
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": f"{display_id}_{part}" if part else display_id,
        "collection": collection_of(scene, part),
        "bbox": bounds(footprint),
        "geometry": {"type": "Polygon", "coordinates": [[*footprint, footprint[0]]]},
        "properties": {
            "datetime": f"{scene.product.acquired}T21:17:05Z",
            "platform": f"LANDSAT_{scene.product.satellite}",
            "eo:cloud_cover": scene.cloud,
            "landsat:scene_id": scene.entity_id,
        },
        "assets": {
            "index": {"type": "text/html", "href": f"{_BROWSER}/{folder_of(scene.product)}"},
            **{
                _KEYS.get(suffix, suffix.removesuffix(".TIF").lower()): _asset(
                    scene, suffix, digests(suffix)
                )
                for suffix in (*COMPANIONS, *_suffixes(scene, part))
            },
        },
        "links": [],
    }


def dump_item(item: Json) -> bytes:
    """Return an item as the content of a file."""
    return orjson.dumps(item, option=orjson.OPT_INDENT_2)


def _belongs(file: SceneFile, part: str) -> bool:
    return not part or f"ls_c2l2_{part.lower()}_band" in file.groups


def _suffixes(scene: LandsatScene, part: str) -> list[str]:
    return [file.suffix for file in files_of(scene) if _belongs(file, part)]


def _asset(scene: LandsatScene, suffix: str, known: Digests | None) -> Json:
    path = f"collection02/{folder_of(scene.product)}/{scene.display_id}_{suffix}"
    asset = {
        "type": _TYPES[suffix.rpartition(".")[2]],
        "href": f"https://landsatlook.usgs.gov/data/{path}",
        "alternate": {"s3": {"href": f"s3://usgs-landsat/{path}"}},
    }
    return asset | ({"file:checksum": known.multihash} if known else {})
