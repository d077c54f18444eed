"""Facts in a product's own STAC item, which the USGS puts into its bundle. Pure.

Source: items of the years 2020 to 2022 (STAC 0.7 to 1.0); API notes, section 8.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from asyncdl.items.facts import SceneFacts, plausible_footprint
from asyncdl.items.projections import Crs
from asyncdl.items.raster_head import Georeference
from asyncdl.m2m.searching.footprints import outlines_of

_LONGEST_TEXT = 100
_FAR = 1e9
"""Metres."""


def read_item(text: str) -> SceneFacts:
    """Parse the item of a product; invalid values are left out."""
    try:
        item = orjson.loads(text.encode(errors="replace"))
    except ValueError:
        return SceneFacts()
    if not isinstance(item, dict):
        return SceneFacts()
    found = item.get("properties")
    properties: Mapping[str, Any] = found if isinstance(found, dict) else {}
    off_nadir = _number(properties, "off_nadir", -90, 90)  # signed like the roll angle
    azimuth = _number(properties, "sun_azimuth", -360, 360)
    scene = properties.get("landsat:scene_id")
    return SceneFacts(
        acquired=_time(properties.get("datetime")),
        cloud_cover=_between(properties.get("eo:cloud_cover"), 0, 100),
        cloud_cover_land=_between(properties.get("landsat:cloud_cover_land"), -1, 100),
        sun_azimuth=None if azimuth is None else azimuth % 360,
        sun_elevation=_number(properties, "sun_elevation", -90, 90),
        off_nadir=None if off_nadir is None else abs(off_nadir),
        scene_id=scene if isinstance(scene, str) and len(scene) == 21 else None,
        footprint=plausible_footprint(outlines_of(item.get("geometry"))),
        grid=_grid(properties),
        landsat=_landsat(properties) or None,
    )


def _number(
    properties: Mapping[str, Any], name: str, lowest: float, highest: float
) -> float | None:
    """Return a field of the view extension, which older items have in the eo extension."""
    new, old = properties.get(f"view:{name}"), properties.get(f"eo:{name}")
    return _between(old if new is None else new, lowest, highest)


def _between(value: object, lowest: float, highest: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if lowest <= value <= highest else None


def _time(value: object) -> str | None:
    """Return a time; a date alone, as in the oldest items, does not count."""
    if not isinstance(value, str) or "T" not in value or not value.endswith("Z"):
        return None
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return None
    return value


def _grid(properties: Mapping[str, Any]) -> Georeference | None:
    match (
        properties.get("proj:epsg"),
        properties.get("proj:shape"),
        properties.get("proj:transform"),
    ):
        case int() as epsg, [int() as rows, int() as columns], [*transform]:
            numbers = [_between(number, -_FAR, _FAR) for number in transform]
            match numbers:
                case [
                    float() as a,
                    float() as b,
                    float() as c,
                    float() as d,
                    float() as e,
                    float() as f,
                ]:
                    return Georeference(Crs(epsg), (a, b, c, d, e, f), (rows, columns))
    return None


def _landsat(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        name: value
        for name, value in properties.items()
        if name.startswith("landsat:") and isinstance(value, int | float | str)
        if len(str(value)) <= _LONGEST_TEXT
    }
