"""One scene as searches and metadata calls print it.

Source: recorded ``scene-search`` and ``scene-metadata`` replies; API notes, section 12a.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import Any, TypeAlias
from xml.sax.saxutils import escape, quoteattr

from asyncdl.sandbox.geometry import bounds_polygon, polygon
from asyncdl.sandbox.scene_metadata import full_metadata, summary_metadata
from asyncdl.sandbox.scenes import LandsatScene, SandboxScene

Json: TypeAlias = Any


class Detail(Enum):
    """How much of the metadata a reply has."""

    NONE = auto()
    SUMMARY = auto()
    FULL = auto()


def result_of(scene: SandboxScene, detail: Detail, *, with_null: bool = False) -> Json:
    """Return a scene.

    Args:
        scene: Which one.
        detail: How much metadata.
        with_null: Whether fields without a value are among them.
    """
    return {
        "browse": list(_browse(scene)),
        "cloudCover": _cloud(scene),
        "entityId": scene.entity_id,
        "displayId": scene.display_id,
        "orderingId": None,
        "metadata": _metadata(scene, detail, with_null=with_null),
        "hasCustomizedMetadata": None,
        "options": {
            "bulk": scene.is_bulk,
            "download": scene.is_bulk,
            "order": scene.has_order,
            "secondary": False,
        },
        "selected": {"bulk": False, "compare": False, "order": False},
        "spatialBounds": bounds_polygon(scene.footprint),
        "spatialCoverage": polygon(scene.footprint),
        "temporalCoverage": {"endDate": scene.taken, "startDate": scene.taken},
        "publishDate": scene.published,
    }


def _cloud(scene: SandboxScene) -> str | int | None:
    # Numbers and texts are both on record.
    return str(scene.cloud) if scene.cloud is not None and scene.number % 3 == 2 else scene.cloud


# --- previews --------------------------------------------------------------------------

_BROWSE_KINDS = (
    # Id, name, type of the picture, layer of the tiles.
    ("5e81f7d39594374", "Reflective Browse", "refl", "natural_color"),
    ("5e82332d4223a26c", "Thermal Browse", "tir", "thermal"),
    ("5e9e85952b93b918", "Quality Browse", "qb", "qa"),
)
_LOOK = "https://landsatlook.usgs.gov"


def _browse(scene: SandboxScene) -> Iterator[Json]:
    if not isinstance(scene, LandsatScene):
        # What those of other datasets look like is not on record.
        return
    # Level 2 has another id for its first one.
    is_level_2 = scene.product.level.startswith("L2")
    for number, (id_, name, kind, layer) in enumerate(_BROWSE_KINDS):
        picture = f"{_LOOK}/gen-browse?size={{}}&type={kind}&product_id={scene.display_id}"
        tiles = f"{_LOOK}/dynamic-tiler/scenes/{scene.display_id}/tiles/{{z}}/{{x}}/{{y}}.png"
        yield {
            "id": "5fb4ba12d7ec307f" if is_level_2 and number == 0 else id_,
            "browseRotationEnabled": None,
            "browseName": name,
            "browsePath": picture.format("rrb"),
            "overlayPath": f"{tiles}?layer={layer}",
            "overlayType": "ls_chs",
            "thumbnailPath": picture.format("thumb"),
        }


# --- metadata --------------------------------------------------------------------------


def _metadata(scene: SandboxScene, detail: Detail, *, with_null: bool) -> list[Json]:
    if detail is Detail.FULL:
        return full_metadata(scene, with_null=with_null)
    return summary_metadata(scene) if detail is Detail.SUMMARY else []


def export_of(scene: SandboxScene) -> str:
    """Return all metadata of a scene as XML."""
    fields = "".join(
        f"<metadataField name={quoteattr(entry['fieldName'])}>"
        f"<metadataValue>{escape(str(entry['value']))}</metadataValue></metadataField>"
        for entry in full_metadata(scene)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><scene>'
        f"<entityId>{scene.entity_id}</entityId><displayId>{scene.display_id}</displayId>"
        f"<metadataFields>{fields}</metadataFields></scene>"
    )
