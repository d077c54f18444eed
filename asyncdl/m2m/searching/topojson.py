"""Convert TopoJSON, which stores shared borders once, to GeoJSON. Pure.

Source: the TopoJSON format specification, sections 2.1 to 2.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from asyncdl.errors import ConfigError
from asyncdl.m2m.searching.rings import Position

Object = Mapping[str, Any]

MAX_POSITIONS = 2_000_000
"""Limit: an arc may be used by any number of rings, so a small text could become huge."""
_NO_TOPOLOGY = "the area of interest is not valid TopoJSON"


def from_topology(found: Object, layer: str | int | None = None) -> dict[str, Any]:
    """Return an object of a topology as a GeoJSON collection.

    Args:
        found: The topology.
        layer: Name or number of the object; optional if there is only one.
    Raises: ConfigError, for an invalid topology, and for an object that does not exist or
        is not named.
    """
    objects = found.get("objects")
    if not isinstance(objects, Mapping) or not objects:
        raise ConfigError(_NO_TOPOLOGY)
    reader = _TopologyReader(_arcs(found), *_transform(found))
    try:
        return reader.collection(objects[_name_of(objects, layer)])
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(_NO_TOPOLOGY) from error


def _name_of(objects: Object, layer: str | int | None) -> str:
    names = list(objects)
    allowed = ", ".join(f"|layername={name}" for name in names[:20])
    if layer is None and len(names) == 1:
        return names[0]
    if layer is None:
        raise ConfigError("the TopoJSON has several objects; name one", allowed=allowed)
    if isinstance(layer, int) and layer < len(names):
        return names[layer]
    if layer not in objects:
        raise ConfigError(f"the TopoJSON has no object {layer!r}", allowed=allowed)
    return str(layer)


def _transform(found: Object) -> tuple[Position, Position] | tuple[None, None]:
    match found.get("transform"):
        case {"scale": [x, y], "translate": [left, low]}:
            return (float(x), float(y)), (float(left), float(low))
    return None, None


def _arcs(found: Object) -> list[Any]:
    arcs = found.get("arcs")
    if not isinstance(arcs, list):
        raise ConfigError(_NO_TOPOLOGY)
    return arcs


class _TopologyReader:
    """Arcs, and the transform of their numbers to degrees."""

    def __init__(
        self, arcs: Sequence[Any], scale: Position | None, translate: Position | None
    ) -> None:
        self._arcs = arcs
        self._scale, self._translate = scale, translate
        self._read: dict[int, list[Position]] = {}
        self._left = MAX_POSITIONS

    def collection(self, root: Object) -> dict[str, Any]:
        """Return all geometries of an object, at any depth."""
        features: list[dict[str, Any]] = []
        waiting = [root]
        while waiting:
            item = waiting.pop()
            if item["type"] == "GeometryCollection":
                waiting.extend(reversed(item["geometries"]))
            else:
                features.append({"type": "Feature", "geometry": self._geometry(item)})
        return {"type": "FeatureCollection", "features": features}

    def _geometry(self, item: Object) -> dict[str, Any] | None:
        kind = item["type"]
        match kind:
            case None:
                return None
            case "Point":
                made: Any = self._position(item["coordinates"])
            case "MultiPoint":
                made = [self._position(position) for position in item["coordinates"]]
            case "Polygon":
                made = self._polygon(item["arcs"])
            case "MultiPolygon":
                made = [self._polygon(polygon) for polygon in item["arcs"]]
            case _:
                made = []
        return {"type": kind, "coordinates": made}

    def _polygon(self, rings: Sequence[Sequence[int]]) -> list[list[Position]]:
        return [self._ring(ring) for ring in rings]

    def _ring(self, numbers: Sequence[int]) -> list[Position]:
        ring: list[Position] = []
        for number in numbers:
            arc = self._arc(~number)[::-1] if number < 0 else self._arc(number)
            self._left -= len(arc)
            if self._left < 0:
                raise ConfigError("the area of interest has too many corners; simplify it")
            ring += arc[1:] if ring else arc
        return ring

    def _arc(self, number: int) -> list[Position]:
        if number not in self._read:
            steps = self._arcs[number]
            if self._scale:  # positions are differences to the previous one
                steps = zip(
                    accumulate(step[0] for step in steps),
                    accumulate(step[1] for step in steps),
                    strict=True,
                )
            self._read[number] = [self._position(step) for step in steps]
        return self._read[number]

    def _position(self, value: Sequence[float]) -> Position:
        x, y = float(value[0]), float(value[1])
        if self._scale is None or self._translate is None:
            return x, y
        return x * self._scale[0] + self._translate[0], y * self._scale[1] + self._translate[1]
