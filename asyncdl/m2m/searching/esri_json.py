"""JSON of ESRI, as ArcGIS servers send it, as GeoJSON. Pure.

Source: the ArcGIS REST API's page on geometry objects; outer rings run clockwise there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from asyncdl.errors import ConfigError
from asyncdl.m2m.searching.rings import Ring, bounds, polygons_of, signed_area

Object = Mapping[str, Any]

_MARKS = ("rings", "paths", "points", "xmin", "x", "curveRings", "geometryType")
_MAX_PAIRS = 1_000_000
"""Of holes and rings that may be around them: each pair is looked at."""


def is_esri(found: Object) -> bool:
    """Tell whether an object is a geometry or a set of features as ESRI writes them."""
    return "type" not in found and any(mark in found for mark in _MARKS)


def from_esri(found: Object) -> dict[str, Any]:
    """Return a geometry or set of features as GeoJSON, with the reference system it names.

    Raises: ConfigError, for what is neither, and for curves.
    """
    features = found.get("features")
    if features is None:
        return _with_crs(_geometry(found), found)
    if not isinstance(features, list):
        raise ConfigError("the features of the area of interest are no list")
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
    # Codes of ESRI's own begin where those of EPSG end.
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
    raise ConfigError("the area of interest is no geometry of ESRI")


def _polygons(rings: Sequence[Any]) -> list[list[Any]]:
    """Put holes, which run counter-clockwise, into the rings around them."""
    read = [_ring(ring) for ring in rings]
    turned = [ring[::-1] for ring in read if len(ring) > 3]
    outer = sum(signed_area(ring) > 0 for ring in turned)
    holes = sum(signed_area(ring) < 0 for ring in turned)
    if not holes or not outer:
        return [[ring] for ring in read]
    if outer == 1 and _first_frames_all(turned):
        return [sorted(turned, key=lambda ring: signed_area(ring) < 0)]
    if outer * holes > _MAX_PAIRS:
        raise ConfigError("the area of interest has too many holes; convert it to GeoJSON")
    return [*polygons_of(turned), *([ring] for ring in read if len(ring) <= 3)]


def _first_frames_all(rings: Sequence[Ring]) -> bool:
    outer = next(ring for ring in rings if signed_area(ring) > 0)
    west, south, east, north = bounds(outer)
    return all(
        west <= left and south <= low and right <= east and high <= north
        for left, low, right, high in map(bounds, rings)
    )


def _ring(value: object) -> Ring:
    ring: Ring = []
    for position in value if isinstance(value, list) else ():
        match position:
            case [int() | float() as x, int() | float() as y, *_]:
                ring.append((float(x), float(y)))
            case _:
                raise ConfigError("a ring of the area of interest holds what is no position")
    return ring
