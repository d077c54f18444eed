"""The ``spatialFilter`` of a search, read into shapes.

Source: API notes, sections 4.2 and 12a; RFC 7946.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from asyncdl.sandbox.geometry import Area, Point, Ring, Shape, Track, rectangle
from asyncdl.sandbox.refusal import invalid, required

Json: TypeAlias = Any


def read_area(value: Json) -> tuple[Shape, ...]:
    """Read a ``spatialFilter``: a box, or GeoJSON of any type.

    Returns: Shapes; a footprint matches if it meets one of them. Empty for an
        empty collection, which matches nothing.
    Raises: Refusal, for anything else, and for positions out of range.
    """
    given = _object(value, "spatialFilter")
    kind = str(_need(given, "filterType")).lower()
    if kind == "mbr":
        return (Area(_box(_need(given, "lowerLeft"), _need(given, "upperRight"))),)
    if kind != "geojson":
        raise invalid("The spatialFilter filterType must be mbr or geojson")
    return tuple(_shapes(_need(given, "geoJson")))


def _box(low: Json, high: Json) -> Ring:
    west, south = _position(_object(low, "lowerLeft"))
    east, north = _position(_object(high, "upperRight"))
    if west > east or south > north:
        raise invalid("The lowerLeft of a spatialFilter must lie southwest of its upperRight")
    return rectangle(west, south, east, north)


def _shapes(value: Json) -> Iterator[Shape]:
    """Yield the shapes of a geometry, a feature or a collection of either."""
    given = _object(value, "geoJson")
    # The service's own page writes "polygon", and so do clients.
    kind = str(_need(given, "type")).lower()
    if kind == "feature":
        yield from _shapes(given["geometry"]) if given.get("geometry") else ()
    elif kind in _COLLECTIONS:
        for member in _list(_need(given, _COLLECTIONS[kind])):
            yield from _shapes(member)
    elif kind in _READERS:
        yield from _READERS[kind](_need(given, "coordinates"))
    else:
        raise invalid("The geoJson type is not supported")


def _point(value: Json) -> Iterator[Shape]:
    yield Track((_position(value),))


def _line(value: Json) -> Iterator[Shape]:
    points = tuple(_position(one) for one in _list(value))
    if len(points) < 2:
        raise invalid("A line of a geoJson needs two positions or more")
    yield Track(points)


def _polygon(value: Json) -> Iterator[Shape]:
    members = _list(value)
    if not members:
        raise invalid("A polygon of a geoJson needs a ring")
    # Some clients send one ring as it is, not in a list of rings.
    rings = [_ring(ring) for ring in ([members] if _is_position(members[0]) else members)]
    yield Area(rings[0], tuple(rings[1:]))


def _each(reader: Callable[[Json], Iterator[Shape]]) -> Callable[[Json], Iterator[Shape]]:
    def read(value: Json) -> Iterator[Shape]:
        for one in _list(value):
            yield from reader(one)

    return read


_COLLECTIONS = {"geometrycollection": "geometries", "featurecollection": "features"}
"""Where each kind of collection keeps its members."""
_READERS: Mapping[str, Callable[[Json], Iterator[Shape]]] = {
    "point": _point,
    "multipoint": _each(_point),
    "linestring": _line,
    "multilinestring": _each(_line),
    "polygon": _polygon,
    "multipolygon": _each(_polygon),
}


def _ring(value: Json) -> Ring:
    ring = tuple(_position(one) for one in _list(value))
    if len(ring) < 4 or ring[0] != ring[-1]:
        raise invalid("A ring of a geoJson needs four positions and must end where it begins")
    return ring[:-1]


def _is_position(value: Json) -> bool:
    """Return whether a value is meant as one position, valid or not, rather than a list of them."""
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list) and bool(value) and not isinstance(value[0], list | dict)


def _position(value: Json) -> Point:
    """Read ``[longitude, latitude, …]``, or the object form that the service documents."""
    if isinstance(value, Mapping):
        pair = (_need(value, "longitude"), _need(value, "latitude"))
    else:
        pair = tuple(_list(value)[:2])
    try:
        longitude, latitude = (float(number) for number in pair)
    except (TypeError, ValueError):
        raise invalid("A coordinate must be a longitude and a latitude") from None
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise invalid("A coordinate must be within the bounds of the world")
    return longitude, latitude


def _need(given: Mapping[str, Json], name: str) -> Json:
    if given.get(name) is None:
        raise required(name)
    return given[name]


def _object(value: Json, name: str) -> Mapping[str, Json]:
    if not isinstance(value, Mapping):
        raise invalid(f"The parameter {name} must be an object")
    return value


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise invalid("The coordinates of a geoJson must be lists")
    return value
