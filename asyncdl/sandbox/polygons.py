"""GeoJSON polygons as the service prints them."""

from __future__ import annotations

from typing import Any, TypeAlias

from asyncdl.sandbox.geometry import Ring, bounds, rectangle

Json: TypeAlias = Any


def polygon(ring: Ring) -> Json:
    """Return a polygon without holes."""
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def bounds_polygon(ring: Ring) -> Json:
    """Return the box around a ring; as recorded it runs SW, NW, NE, SE."""
    southwest, southeast, northeast, northwest = rectangle(*bounds(ring))
    return polygon((southwest, northwest, northeast, southeast))
