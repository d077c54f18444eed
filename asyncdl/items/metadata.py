"""What the metadata file of a product (``MTL``) tells of its scene. Pure.

Source: Landsat 8-9 Level 2 Data Format Control Book, metadata; API notes, section 9.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

_FORMS = (
    re.compile(r'^\s*([A-Z0-9_]+) = "?([^"\n]*?)"?\s*$', re.MULTILINE),
    re.compile(r"<([A-Z0-9_]+)>([^<]*)</\1>"),
    re.compile(r'"([A-Z0-9_]+)"\s*:\s*"?([^"{\n]*?)"?\s*,?\s*$', re.MULTILINE),
)
"""One for each way it is written: text, XML, JSON."""
_CORNERS = ("UL", "LL", "LR", "UR")


@dataclass(frozen=True, slots=True)
class SceneFacts:
    """What is known of a scene; ``None`` for what is not."""

    acquired: str | None = None
    """When the middle of the scene was taken, ISO 8601 in UTC."""
    cloud_cover: float | None = None
    """Percent."""
    sun_azimuth: float | None = None
    """Degrees from north, 0 to 360."""
    sun_elevation: float | None = None
    """Degrees above the horizon."""
    off_nadir: float | None = None
    """Degrees; 0 where the satellite looked straight down."""
    footprint: tuple[tuple[float, float], ...] | None = None
    """Longitude and latitude of the corners, against the clock."""


def read_facts(text: str) -> SceneFacts:
    """Read a metadata file in any of its three forms; what makes no sense is left out."""
    fields = _fields(text)
    cloud, elevation = _number(fields, "CLOUD_COVER"), _number(fields, "SUN_ELEVATION")
    azimuth = _number(fields, "SUN_AZIMUTH")
    return SceneFacts(
        acquired=_time(fields),
        cloud_cover=cloud if cloud is not None and 0 <= cloud <= 100 else None,
        sun_azimuth=None if azimuth is None else azimuth % 360,
        sun_elevation=elevation if elevation is not None and abs(elevation) <= 90 else None,
        off_nadir=0.0 if fields.get("NADIR_OFFNADIR") == "NADIR" else None,
        footprint=_footprint(fields),
    )


def _fields(text: str) -> Mapping[str, str]:
    """Return all fields by name; the product's own come before those it was made from."""
    fields: dict[str, str] = {}
    for form in _FORMS:
        for name, value in form.findall(text):
            fields.setdefault(name, value)
        if fields:
            break
    return fields


def _number(fields: Mapping[str, str], name: str) -> float | None:
    try:
        return float(fields[name])
    except (KeyError, ValueError):
        return None


def _time(fields: Mapping[str, str]) -> str | None:
    day, time = fields.get("DATE_ACQUIRED", ""), fields.get("SCENE_CENTER_TIME", "")
    # Seven decimals, of which a clock takes six.
    text = f"{day}T{time.removesuffix('Z')[:15]}"
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return None
    return f"{text}Z" if time else None


def _footprint(fields: Mapping[str, str]) -> tuple[tuple[float, float], ...] | None:
    corners = []
    for name in _CORNERS:
        longitude = _number(fields, f"CORNER_{name}_LON_PRODUCT")
        latitude = _number(fields, f"CORNER_{name}_LAT_PRODUCT")
        if longitude is None or latitude is None or abs(longitude) > 180 or abs(latitude) > 90:
            return None
        corners.append((longitude, latitude))
    return tuple(corners)
