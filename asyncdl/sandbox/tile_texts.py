"""The texts of an analysis-ready tile: its metadata in two forms, and its STAC items."""

from __future__ import annotations

import json
from collections.abc import Mapping
from xml.sax.saxutils import escape

from asyncdl.sandbox.geometry import bounds
from asyncdl.sandbox.tiles import ArdTile


def tile_text(tile: ArdTile, suffix: str) -> bytes:
    """Return the content of a text file of a tile.

    Args:
        tile: Whose file it is.
        suffix: ``MTL.json``, ``MTL.xml``, or ``SR_stac.json`` and the like.
    """
    if suffix == "MTL.xml":
        return _xml(_facts(tile)).encode()
    if suffix == "MTL.json":
        return json.dumps({"LANDSAT_METADATA_FILE": {"TILE_METADATA": _facts(tile)}}).encode()
    return json.dumps(_item(tile, suffix.partition("_")[0])).encode()


def _facts(tile: ArdTile) -> Mapping[str, str | int | float]:
    left, bottom, right, top = tile.box
    return {
        "ORIGIN": "asyncdl sandbox, not the U.S. Geological Survey",
        "TILE_ID": tile.display_id,
        "SPACECRAFT_ID": f"LANDSAT_{tile.tile.satellite}",
        "TILE_GRID_REGION": tile.tile.region,
        "TILE_GRID_HORIZONTAL": tile.tile.horizontal,
        "TILE_GRID_VERTICAL": tile.tile.vertical,
        "DATE_ACQUIRED": str(tile.acquired),
        "CLOUD_COVER": -1 if tile.cloud is None else tile.cloud,
        "MAP_PROJECTION": "AEA",
        "DATUM": "WGS84",
        "CORNER_LL_PROJECTION_X_PRODUCT": left,
        "CORNER_LL_PROJECTION_Y_PRODUCT": bottom,
        "CORNER_UR_PROJECTION_X_PRODUCT": right,
        "CORNER_UR_PROJECTION_Y_PRODUCT": top,
    }


def _xml(facts: Mapping[str, str | int | float]) -> str:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<LANDSAT_METADATA_FILE>"]
    lines.append("  <TILE_METADATA>")
    lines += (f"    <{key}>{escape(str(value))}</{key}>" for key, value in facts.items())
    return "\n".join((*lines, "  </TILE_METADATA>", "</LANDSAT_METADATA_FILE>", ""))


def _item(tile: ArdTile, part: str) -> Mapping[str, object]:
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": f"{tile.display_id}_{part}",
        "bbox": bounds(tile.footprint),
        "geometry": {"type": "Polygon", "coordinates": [[*tile.footprint, tile.footprint[0]]]},
        "properties": {
            "datetime": f"{tile.acquired}T19:03:11Z",
            "platform": f"LANDSAT_{tile.tile.satellite}",
            "eo:cloud_cover": tile.cloud,
            "landsat:grid_region": tile.tile.region,
            "landsat:grid_horizontal": f"{tile.tile.horizontal:02}",
            "landsat:grid_vertical": f"{tile.tile.vertical:02}",
            "landsat:scene_count": 2,
            "landsat:fill": 12.5,
            "proj:epsg": None,
        },
        "assets": {},
        "links": [],
    }
