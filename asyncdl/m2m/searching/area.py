"""From an area of interest to the spatial filters of a search.

The area is GeoJSON, WKT, a box or a point; the filters cover the same ground within
[-180, 180] degrees, so that a polygon across the antimeridian becomes two. Where the filters
cover more than the area, the area itself is returned as well. Pure: no files, no calls.

Source: RFC 7946 (GeoJSON); API notes, section 4.2 (the filters).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from asyncdl.errors import ConfigError
from asyncdl.m2m.searching.cover import (
    SpatialFilter,
    around_point,
    corners_of,
    cover_of,
    is_point,
    mbr,
)
from asyncdl.m2m.searching.geojson import Parts, check_degrees, parts_of
from asyncdl.m2m.searching.json_texts import read_geojson
from asyncdl.m2m.searching.rings import Polygon, spans, wrap
from asyncdl.m2m.searching.wkt import read_wkt

MAX_DRAWN_CORNERS = 50_000
"""Areas with more corners are not drawn; their filters are drawn instead."""


@dataclass(frozen=True, slots=True)
class SearchArea:
    """The area to search, with one search per filter; scenes found twice count once."""

    filters: tuple[SpatialFilter, ...] = ()
    """Empty means everywhere."""
    ground: tuple[Polygon, ...] = ()
    """The area itself, if the filters cover more: only scenes whose footprint touches it
    count. Empty if the filters are exact."""
    reach_deg: float = 0.0
    """Maximum distance by which the filters exceed the ground, along either axis."""
    notes: tuple[str, ...] = ()
    """Parts of the area that were left out, and how ambiguous parts were interpreted."""

    @property
    def corners(self) -> int:
        """Number of corners of the ground."""
        return corners_of(self.ground)


def area_from_bbox(west: float, south: float, east: float, north: float) -> SearchArea:
    """Return the filters for a box.

    Args:
        west: Degrees; greater than ``east`` for a box across the antimeridian.
        south: Degrees, less than ``north``.
        east: Degrees; greater than 180 also means across the antimeridian.
        north: Degrees.
    Returns: One filter, or two for a box across the antimeridian.
    Raises: ConfigError, if the numbers are not a valid box.
    """
    box = (west, south, east, north)
    try:
        check_degrees([(west, south), (east, north)])
        if not south < north or west == east:
            raise ConfigError("the box is empty", allowed="[west, south, east, north], in degrees")
    except ConfigError as error:
        error.key, error.value = "search.bbox", list(box)
        raise
    both = spans(west, east if west < east else east + 360)
    return SearchArea(tuple(mbr(left, south, right, north) for left, right in both))


def area_from_point(longitude: float, latitude: float) -> SearchArea:
    """Return the filter for a point: a box of a few metres around it.

    Raises: ConfigError, if the numbers are not a longitude and a latitude.
    """
    try:
        check_degrees([(longitude, latitude)])
    except ConfigError as error:
        error.key, error.value = "search.point", [longitude, latitude]
        raise
    x, y = wrap(longitude), latitude
    return SearchArea((around_point((x, y, x, y)),))


def area_from_geojson(
    data: object, *, source: Path | None = None, layer: str | int | None = None
) -> SearchArea:
    """Return the filters for an area of interest in GeoJSON.

    Args:
        data: The text, or decoded JSON, or an object with ``__geo_interface__``. Esri JSON
            and TopoJSON are accepted as well, and GeoJSON with one feature per line.
        source: The file it came from, for messages.
        layer: Name or number of an object in TopoJSON.
    Returns: One filter for each polygon and point, in order, and one more for each
        polygon across the antimeridian; or at most 25 that cover more than them, and the
        ground. A rectangle along the axes becomes a box.
    Raises: ConfigError, for anything but polygons and points in degrees, and for an
        empty area.
    """
    return _area_from(lambda: read_geojson(data, layer), source)


def area_from_wkt(text: str, *, source: Path | None = None) -> SearchArea:
    """Return the filters for an area of interest in well-known text.

    Args:
        text: Geometries, longitude first.
        source: The file it came from, for messages.
    Returns: As :func:`area_from_geojson`.
    Raises: ConfigError, for invalid WKT, and as :func:`area_from_geojson`.
    """
    return _area_from(lambda: read_wkt(text), source)


def _area_from(decode: Callable[[], object], source: Path | None) -> SearchArea:
    try:
        return _area_of(parts_of(decode()))
    except ConfigError as error:
        error.file = source
        raise


def _area_of(found: Parts) -> SearchArea:
    cover = cover_of(found.parts)
    ground = () if cover.is_exact else tuple(found.parts)
    return SearchArea(cover.filters, ground, cover.reach_deg, found.notes())


def polygons_of(area: SearchArea) -> list[Polygon]:
    """Return the polygons of an area for drawing, without its points."""
    if area.ground and area.corners <= MAX_DRAWN_CORNERS:
        return [part for part in area.ground if not is_point(part)]
    return [_polygon_of(spatial) for spatial in area.filters]


def parts_of_area(area: SearchArea) -> list[Polygon]:
    """Return all parts of an area with their points: the ground, or what the filters cover."""
    return list(area.ground) or [_polygon_of(spatial) for spatial in area.filters]


def _polygon_of(spatial: SpatialFilter) -> Polygon:
    match spatial:
        case {"geoJson": {"coordinates": [*rings]}}:
            return [[(x, y) for x, y in ring] for ring in rings]
        case {
            "lowerLeft": {"longitude": west, "latitude": south},
            "upperRight": {"longitude": east, "latitude": north},
        }:
            return [[(west, south), (east, south), (east, north), (west, north), (west, south)]]
    raise AssertionError(f"not a filter of this module: {spatial}")
