"""What the metadata file of a product (``MTL``) tells of its scene. Pure.

Source: Landsat 8-9 Level 2 Data Format Control Book, metadata; API notes, section 9.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime

import orjson

_FORMS = (
    re.compile(r'^[ \t]*+([A-Z0-9_]++) = "?+([^"\n]*+)"?+[ \t\r]*+$', re.MULTILINE),
    re.compile(r"<([A-Z0-9_]++)>([^<]*+)</\1>"),
)
"""The ways it is written beside JSON: text, XML."""
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

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to be known."""
        return all(getattr(self, field.name) is not None for field in fields(self))

    def or_else(self, other: SceneFacts) -> SceneFacts:
        """Return these facts, and those of another source where these are missing."""
        gaps = {
            f.name: getattr(other, f.name) for f in fields(self) if getattr(self, f.name) is None
        }
        return replace(self, **gaps)


def read_facts(text: str) -> SceneFacts:
    """Read a metadata file in any of its three forms; what makes no sense is left out."""
    found = _fields(text)
    cloud, elevation = _number(found, "CLOUD_COVER"), _number(found, "SUN_ELEVATION")
    azimuth = _number(found, "SUN_AZIMUTH")
    return SceneFacts(
        acquired=_time(found),
        cloud_cover=cloud if cloud is not None and 0 <= cloud <= 100 else None,
        sun_azimuth=None if azimuth is None else azimuth % 360,
        sun_elevation=elevation if elevation is not None and abs(elevation) <= 90 else None,
        off_nadir=0.0 if found.get("NADIR_OFFNADIR") == "NADIR" else None,
        footprint=_footprint(found),
    )


def _fields(text: str) -> Mapping[str, str]:
    """Return all fields by name; the product's own come before those it was made from."""
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        return _json_fields(text)
    found: dict[str, str] = {}
    for form in _FORMS:
        for name, value in form.findall(text):
            found.setdefault(name, value.strip(" \t\r"))
        if found:
            break
    return found


def _json_fields(text: str) -> Mapping[str, str]:
    """Return the fields of the groups, which may stand on one line; none of what is no JSON."""
    try:
        groups = orjson.loads(text.lstrip("\ufeff").encode())
    except ValueError:
        return {}
    found: dict[str, str] = {}
    waiting = [groups]
    while waiting:
        group = waiting.pop()
        for name, value in group.items():
            if not isinstance(value, dict | list) and value is not None:
                found.setdefault(str(name), str(value))
        waiting += [value for value in reversed(group.values()) if isinstance(value, dict)]
    return found


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
