"""Convert Esri JSON, as ArcGIS servers send it, to GeoJSON. Pure.

Source: the ArcGIS REST API's page on geometry objects; outer rings are clockwise there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from asyncdl.errors import ConfigError
from asyncdl.m2m.searching.cells import Bounds
from asyncdl.m2m.searching.footprints import encloses
from asyncdl.m2m.searching.rings import Polygon, Ring, bounds, signed_area

Object = Mapping[str, Any]

_MARKS = ("rings", "paths", "points", "xmin", "x", "curveRings", "geometryType")
_MAX_STEPS = 50_000_000
"""Limit of comparisons of holes with rings, which take some seconds."""
_NOWHERE = (math.inf, math.inf, -math.inf, -math.inf)


def is_esri(found: Object) -> bool:
    """Return whether an object is an Esri geometry or feature set."""
    return "type" not in found and any(mark in found for mark in _MARKS)


def from_esri(found: Object) -> dict[str, Any]:
    """Return a geometry or feature set as GeoJSON, with its reference system.

    Raises: ConfigError, if it is neither, and for curves.
    """
    features = found.get("features")
    if features is None:
        return _with_crs(_geometry(found), found)
    if not isinstance(features, list):
        raise ConfigError("the features of the area of interest are not a list")
    made = []
    for feature in features:
        geometry = feature.get("geometry") if isinstance(feature, Mapping) else None
        inner = None if geometry is None else _with_crs(_geometry(geometry), geometry)
        made.append({"type": "Feature", "geometry": inner})
    return _with_crs({"type": "FeatureCollection", "features": made}, found)


def _with_crs(made: dict[str, Any], found: Object) -> dict[str, Any]:
    system = found.get("spatialReference")
    if not isinstance(system, Mapping):
        return made
    code = system.get("latestWkid") or system.get("wkid")
    # Esri's own codes begin above those of EPSG.
    owner = "ESRI" if isinstance(code, int) and code >= 100_000 else "EPSG"
    name = f"{owner}:{code}" if code else system.get("wkt") or system.get("wkt2")
    return made | {"crs": {"type": "name", "properties": {"name": name}}} if name else made


def _geometry(found: object) -> dict[str, Any]:
    match found:
        case {"rings": [*rings]}:
            return {"type": "MultiPolygon", "coordinates": _polygons(rings)}
        case {"paths": [*paths]}:
            return {"type": "MultiLineString", "coordinates": paths}
        case {"points": [*points]}:
            return {"type": "MultiPoint", "coordinates": points}
        case {"xmin": west, "ymin": south, "xmax": east, "ymax": north}:
            ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
            return {"type": "Polygon", "coordinates": [ring]}
        case {"x": x, "y": y}:
            return {"type": "Point", "coordinates": [x, y]}
        case {"curveRings": _}:
            raise ConfigError("the area of interest has curves; turn them into straight lines")
    raise ConfigError("the area of interest is not an Esri geometry")


def _polygons(rings: Sequence[Any]) -> list[Polygon]:
    """Assign holes, which are counter-clockwise, to the rings around them."""
    read = [_ring(ring) for ring in rings]
    # Reversed to the orientation of GeoJSON; rings without area are reported by its reader.
    turned = [ring[::-1] if len(ring) > 3 else ring for ring in read]
    outer = [ring for ring in turned if len(ring) <= 3 or signed_area(ring) >= 0]
    holes = [ring for ring in turned if len(ring) > 3 and signed_area(ring) < 0]
    # If all rings have the other orientation, they are outer rings, written wrongly.
    return _nested(outer, holes) if outer else [[ring] for ring in holes]


def _nested(outer: Sequence[Ring], holes: Sequence[Ring]) -> list[Polygon]:
    polygons: list[Polygon] = [[ring] for ring in outer]
    boxes = [bounds(ring) if ring else _NOWHERE for ring in outer]
    steps = len(outer) * len(holes)
    for hole in holes if steps <= _MAX_STEPS else ():
        box = bounds(hole)
        around = [p for frame, p in zip(boxes, polygons, strict=True) if _frames(frame, box)]
        if len(around) > 1:
            steps += sum(len(polygon[0]) for polygon in around)
            around = [polygon for polygon in around if encloses(polygon[0], hole[0])]
        if around:
            # A hole within nested rings belongs to the smallest one.
            min(around, key=lambda polygon: signed_area(polygon[0])).append(hole)
        if steps > _MAX_STEPS:
            break
    if steps > _MAX_STEPS:
        raise ConfigError("the area of interest has too many holes; convert it to GeoJSON")
    return polygons


def _frames(outer: Bounds, inner: Bounds) -> bool:
    west, south, east, north = outer
    return west <= inner[0] and south <= inner[1] and inner[2] <= east and inner[3] <= north


def _ring(value: object) -> Ring:
    ring: Ring = []
    for position in value if isinstance(value, list) else ():
        match position:
            case [int() | float() as x, int() | float() as y, *_]:
                ring.append((float(x), float(y)))
            case _:
                raise ConfigError("a ring of the area of interest contains an invalid position")
    return ring
