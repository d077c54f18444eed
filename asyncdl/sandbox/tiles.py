"""Analysis-ready tiles of the United States: which there are, and where they lie.

Source: API notes, sections 9 and 12a. Real grids; the days and the clouds are made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TypeAlias

from asyncdl.m2m.naming import ARD_DATASET, ArdId, parse_ard_id
from asyncdl.sandbox.geometry import Bounds, Point, Ring, rectangle, to_albers, unproject

Cone: TypeAlias = tuple[float, float, float, float]
"""Both standard parallels, and latitude and longitude of the origin; degrees."""

_TOWARDS_THE_MIDDLE = 15
"""Degrees north of the origin, which lies south of every grid."""
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
        """The same: nothing else is on record."""
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
        """Left, bottom, right and top in that projection, metres."""
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
"""Percent, of tiles of which nothing more is known."""


def fixed_tiles(first_number: int, extra: Sequence[str] = ()) -> tuple[ArdTile, ...]:
    """Return the tiles of the table, then those of the ids in ``extra``.

    Args:
        first_number: Of the first one.
        extra: Ids of further tiles.
    Raises: ValueError, for an id in ``extra`` that is none.
    """
    rows = (*_TILES, *((text, _CLOUD) for text in extra))
    return tuple(
        fixed_tile(number, text, cloud)
        for number, (text, cloud) in enumerate(rows, start=first_number)
    )


def fixed_tile(number: int, text: str, cloud: int = _CLOUD) -> ArdTile:
    """Return the tile of an id. Raises: ValueError, if it is none, or of no grid."""
    tile = parse_ard_id(text)
    if tile is None or tile.region not in _GRIDS:
        raise ValueError(f"{text!r} is no id of a U.S. tile")
    return ArdTile(number, tile, cloud)
