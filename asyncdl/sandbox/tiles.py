"""Analysis-ready tiles of the United States: which there are, where they lie, and their metadata.

Source: API notes, sections 9 and 12a. Real grids; the days and the clouds are made up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TypeAlias
from xml.sax.saxutils import escape

from asyncdl.m2m.naming import ARD_DATASET, ArdId, parse_ard_id
from asyncdl.sandbox.geometry import Bounds, Point, Ring, bounds, rectangle, to_albers, unproject

Cone: TypeAlias = tuple[float, float, float, float]
"""Both standard parallels, and latitude and longitude of the origin; degrees."""

_TOWARDS_THE_MIDDLE = 15
"""Degrees north of the origin, which is south of every grid."""
_TILE_M = 150_000
"""5000 pixels of 30 metres."""


@dataclass(frozen=True, slots=True)
class TileGrid:
    """The grid of one region: its projection, and the upper left corner of tile 0, 0."""

    cone: Cone
    left: float
    top: float


_GRIDS = {
    "CU": TileGrid((29.5, 45.5, 23.0, -96.0), -2_565_585, 3_314_805),
    "AK": TileGrid((55.0, 65.0, 50.0, -154.0), -851_715, 2_474_325),
    "HI": TileGrid((8.0, 18.0, 3.0, -157.0), -444_345, 2_168_895),
}


@dataclass(frozen=True)
class ArdTile:
    """One tile on one day; its entity id is its display id."""

    number: int
    """Its place in the catalogue, 0 or more."""
    tile: ArdId
    cloud: int | None
    """Percent."""
    is_bulk: bool = True
    has_order: bool = False

    @property
    def dataset(self) -> str:
        """Alias of the dataset of all tiles."""
        return ARD_DATASET

    @cached_property
    def display_id(self) -> str:
        """The tile's id, such as ``LC09_CU_003004_20230909_20230914_02``."""
        return str(self.tile)

    @property
    def entity_id(self) -> str:
        """The display id: nothing else is on record."""
        return self.display_id

    @property
    def acquired(self) -> date:
        """The day it was taken."""
        return self.tile.acquired

    @property
    def processed(self) -> date:
        """The day it was made."""
        return self.tile.processed

    @property
    def taken(self) -> str:
        """The day it was taken."""
        return f"{self.acquired} 00:00:00"

    @property
    def published(self) -> str:
        """When the service got it."""
        return f"{self.processed} 11:02:51-05"

    @property
    def cone(self) -> Cone:
        """The projection of its region."""
        return _GRIDS[self.tile.region].cone

    @property
    def box(self) -> Bounds:
        """Left, bottom, right and top in the projection of its region, metres."""
        grid = _GRIDS[self.tile.region]
        left = grid.left + self.tile.horizontal * _TILE_M
        top = grid.top - self.tile.vertical * _TILE_M
        return left, top - _TILE_M, left + _TILE_M, top

    @cached_property
    def footprint(self) -> Ring:
        """The four corners, from the lower left, counter-clockwise."""
        _, _, latitude, longitude = self.cone

        def project(point: Point) -> tuple[float, float]:
            return to_albers(point, self.cone)

        middle = (longitude, latitude + _TOWARDS_THE_MIDDLE)
        return tuple(unproject(project, corner, middle) for corner in rectangle(*self.box))


_TILES = (
    ("LC09_CU_003004_20230909_20230914_02", 4),
    ("LC08_CU_003004_20230901_20230908_02", 37),
    ("LC08_CU_003005_20230901_20230908_02", 12),
    ("LE07_CU_003004_20030812_20210425_02", 8),
    ("LT05_CU_003004_19950715_20210424_02", 1),
    ("LC08_AK_007008_20200310_20210503_02", 22),
    ("LC09_HI_002001_20230105_20230111_02", 48),
)


_CLOUD = 10
"""Percent, of tiles whose cloud cover is unknown."""


def fixed_tiles(first_number: int, extra: Sequence[str] = ()) -> tuple[ArdTile, ...]:
    """Return the tiles of the table, then those of the ids in ``extra``.

    Args:
        first_number: Number of the first one.
        extra: Ids of further tiles.
    Raises: ValueError, for an invalid id in ``extra``.
    """
    rows = (*_TILES, *((text, _CLOUD) for text in extra))
    return tuple(
        fixed_tile(number, text, cloud)
        for number, (text, cloud) in enumerate(rows, start=first_number)
    )


def fixed_tile(number: int, text: str, cloud: int = _CLOUD) -> ArdTile:
    """Return the tile of an id. Raises: ValueError, if it is invalid, or of an unknown grid."""
    tile = parse_ard_id(text)
    if tile is None or tile.region not in _GRIDS:
        raise ValueError(f"{text!r} is not the id of a U.S. tile")
    return ArdTile(number, tile, cloud)


def tile_text(tile: ArdTile, suffix: str) -> bytes:
    """Return the content of a text file of a tile.

    Args:
        tile: The tile.
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
