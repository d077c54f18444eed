"""Facts about a scene in the metadata (``MTL``) and angle (``ANG``) files of a product. Pure.

The angle file has an outline of each band. The corners of the first band are three to four
kilometres from those of the service's footprint (measured on five scenes); those of the
raster's frame are 44 to 133 kilometres away.

Source: Landsat 8-9 Level 1 Data Format Control Book, angle coefficient file; Landsat 8-9 Level 2
Data Format Control Book, metadata; API notes, section 9.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

import orjson

from asyncdl.items.facts import SceneFacts
from asyncdl.items.projections import Albers, Crs, Point, Polar, crs_of
from asyncdl.items.raster_head import Georeference
from asyncdl.m2m.searching.footprints import DECIMALS, Outline

_SCENE = re.compile(r'^[ \t]*+LANDSAT_SCENE_ID = "([A-Z0-9]{21})"', re.MULTILINE)
_LISTS = re.compile(
    r"^[ \t]*+(UL_CORNER|BAND\d\d_L1T_IMAGE_CORNER_(?:LINES|SAMPS)) = \(([^()]{0,200}+)\)",
    re.MULTILINE,
)


def read_angles(text: str) -> SceneFacts:
    """Parse an angle coefficient file; invalid values are left out."""
    scene = _SCENE.search(text)
    return SceneFacts(scene_id=scene[1] if scene else None)


def footprint_of(text: str, grid: Georeference | None) -> tuple[Outline, ...] | None:
    """Return the outline of the first band.

    Args:
        text: Content of the angle coefficient file.
        grid: Grid of the usual resolution, to which lines and samples refer.
    Returns: ``None`` if the file has no outline, or the grid is unknown.
    """
    lists: dict[str, tuple[float, ...]] = {}
    for name, numbers in _LISTS.findall(text):
        lists.setdefault(re.sub(r"^BAND\d\d_", "", name), _numbers(numbers))
    lines = lists.get("L1T_IMAGE_CORNER_LINES", ())
    samples = lists.get("L1T_IMAGE_CORNER_SAMPS", ())
    if grid is None or len(lines) != 4 or len(samples) != 4 or not _fits(grid, lines, samples):
        return None
    # Clockwise from the upper left corner; the centre of the first pixel is (0, 0).
    pixels: list[Point] = [(s + 0.5, n + 0.5) for n, s in zip(lines, samples, strict=True)]
    ring = grid.footprint([pixels[0], *reversed(pixels[1:])])
    return (tuple((round(x, DECIMALS), round(y, DECIMALS)) for x, y in ring),) if ring else None


def _fits(grid: Georeference, lines: tuple[float, ...], samples: tuple[float, ...]) -> bool:
    """Return whether the corners are on the grid, within one percent."""
    rows, columns = grid.shape
    is_on = all(-0.01 * rows <= n <= 1.01 * rows for n in lines)
    return is_on and all(-0.01 * columns <= n <= 1.01 * columns for n in samples)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(map(float, text.split(",")))
    except ValueError:
        return ()


Texts: TypeAlias = Mapping[str, str]
"""Fields of a metadata file by name."""

_FORMS = (
    re.compile(r'^[ \t]*+([A-Z0-9_]++) = "?+([^"\n]*+)"?+[ \t\r]*+$', re.MULTILINE),
    re.compile(r"<([A-Z0-9_]++)>([^<]*+)</\1>"),
)
"""Patterns of the other forms besides JSON: text and XML."""
_CORNERS = ("UL", "LL", "LR", "UR")
_KINDS = ("REFLECTIVE", "THERMAL")
"""Grids of a scene, the most common one first."""
_UTM_NORTH = 32600
"""Landsat counts northings from the equator in both hemispheres, under the northern code."""
_CONE = ("STANDARD_PARALLEL_1", "STANDARD_PARALLEL_2", "ORIGIN_LATITUDE", "CENTRAL_MERIDIAN")
_MOST = 1e9
"""Maximum of any number, such as metres."""
_MOST_PIXELS = 1_000_000
"""Maximum per side."""

_RESCALING = {
    "1": ("RADIANCE_{}_BAND_{}", "B{}"),
    "2": ("REFLECTANCE_{}_BAND_{}", "SR_B{}"),
}
"""By level: names of the fields, and stem of the band's file."""
_BANDS = (*map(str, range(1, 12)), "6_VCID_1", "6_VCID_2")
_TEMPERATURES = ("ST_B6", "ST_B10")


def read_facts(text: str) -> SceneFacts:
    """Parse a metadata file in any of its three forms; invalid values are left out."""
    found = _fields(text)
    azimuth = _between(_number(found, "SUN_AZIMUTH"), -360, 360)
    return SceneFacts(
        acquired=_time(found),
        cloud_cover=_between(_number(found, "CLOUD_COVER"), 0, 100),
        cloud_cover_land=_between(_number(found, "CLOUD_COVER_LAND"), -1, 100),
        sun_azimuth=None if azimuth is None else azimuth % 360,
        sun_elevation=_between(_number(found, "SUN_ELEVATION"), -90, 90),
        off_nadir=_off_nadir(found),
        scene_id=found.get("LANDSAT_SCENE_ID") or None,
        grid=_grid(found),
        frame=_frame(found),
        rescaling=_rescaling(found) or None,
    )


def _fields(text: str) -> Texts:
    """Return all fields by name; the product's own take precedence over those of its source."""
    if text.lstrip("\ufeff \t\r\n").startswith("{"):
        return _json_fields(text)
    found: dict[str, str] = {}
    for form in _FORMS:
        for name, value in form.findall(text):
            found.setdefault(name, value.strip(" \t\r"))
        if found:
            break
    return found


def _json_fields(text: str) -> Texts:
    """Return the fields of all groups; empty if the text is not JSON."""
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


def _number(fields: Texts, name: str) -> float | None:
    try:
        return float(fields[name])
    except (KeyError, ValueError):
        return None


def _between(value: float | None, lowest: float, highest: float) -> float | None:
    # Comparisons with NaN are false.
    return value if value is not None and lowest <= value <= highest else None


def _time(fields: Texts) -> str | None:
    day, time = fields.get("DATE_ACQUIRED", ""), fields.get("SCENE_CENTER_TIME", "")
    # Seven decimals, of which datetime accepts six.
    text = f"{day}T{time.removesuffix('Z')[:15]}"
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return None
    return f"{text}Z" if time else None


def _off_nadir(fields: Texts) -> float | None:
    """Return the off-nadir angle: 0, or the roll angle."""
    if fields.get("NADIR_OFFNADIR") == "NADIR":
        return 0.0
    roll = _number(fields, "ROLL_ANGLE")
    return None if roll is None else _between(abs(roll), 0, 90)


def _frame(fields: Texts) -> tuple[tuple[float, float], ...] | None:
    corners = []
    for name in _CORNERS:
        longitude = _between(_number(fields, f"CORNER_{name}_LON_PRODUCT"), -180, 180)
        latitude = _between(_number(fields, f"CORNER_{name}_LAT_PRODUCT"), -90, 90)
        if longitude is None or latitude is None:
            return None
        corners.append((longitude, latitude))
    return tuple(corners)


def _rescaling(fields: Texts) -> Mapping[str, tuple[float, float]]:
    """Return factor and offset of the bands, by the stems of their files."""
    level = fields.get("PROCESSING_LEVEL", "")[1:2]
    pattern, stem = _RESCALING.get(level, ("", ""))
    names = [(pattern.replace("_BAND_{}", f"_BAND_{b}"), stem.format(b)) for b in _BANDS if stem]
    names += [(f"TEMPERATURE_{{}}_BAND_{stem}", stem) for stem in _TEMPERATURES]
    found = {}
    for name, of_file in names:
        factor = _between(_number(fields, name.format("MULT")), 0, _MOST)
        summand = _between(_number(fields, name.format("ADD")), -_MOST, _MOST)
        if factor is not None and summand is not None:
            found[of_file] = (factor, summand)
    return found


def _grid(fields: Texts) -> Georeference | None:
    """Return the grid of the reflective bands, whose corners are given as pixel centres."""
    crs = _crs(fields)
    x = _between(_number(fields, "CORNER_UL_PROJECTION_X_PRODUCT"), -_MOST, _MOST)
    y = _between(_number(fields, "CORNER_UL_PROJECTION_Y_PRODUCT"), -_MOST, _MOST)
    for kind in _KINDS:
        size = _between(_number(fields, f"GRID_CELL_SIZE_{kind}"), 1, 1000)
        rows = _between(_number(fields, f"{kind}_LINES"), 1, _MOST_PIXELS)
        columns = _between(_number(fields, f"{kind}_SAMPLES"), 1, _MOST_PIXELS)
        if size and rows and columns and x is not None and y is not None and crs != Crs():
            transform = (size, 0.0, x - size / 2, 0.0, -size, y + size / 2)
            return Georeference(crs, transform, (int(rows), int(columns)))
    return None


def _crs(fields: Texts) -> Crs:
    if fields.get("DATUM") != "WGS84":
        return Crs()
    match fields.get("MAP_PROJECTION"):
        case "UTM":
            zone = _between(_number(fields, "UTM_ZONE"), 1, 60)
            return Crs(_UTM_NORTH + int(zone)) if zone is not None else Crs()
        case "PS":
            true_scale = _between(_number(fields, "TRUE_SCALE_LAT"), -90, 90)
            meridian = _between(_number(fields, "VERTICAL_LON_FROM_POLE"), -180, 180)
            if true_scale is not None and meridian is not None:
                return crs_of(Polar(true_scale, meridian, *_shifts(fields)))
        case "AEA":
            angles = [_between(_number(fields, name), -180, 180) for name in _CONE]
            match angles:
                case [float() as first, float() as second, float() as origin, float() as meridian]:
                    return crs_of(Albers(first, second, origin, meridian, *_shifts(fields)))
    return Crs()


def _shifts(fields: Texts) -> tuple[float, float]:
    east = _between(_number(fields, "FALSE_EASTING"), -_MOST, _MOST)
    north = _between(_number(fields, "FALSE_NORTHING"), -_MOST, _MOST)
    return east or 0.0, north or 0.0
