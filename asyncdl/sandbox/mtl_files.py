"""The text files of a product: MTL in its three forms, and ANG.

Plausible, not complete: the groups and names that readers need are present
and describe this product. The XML and text forms contain numbers;
the JSON form contains strings, like the real files.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias
from xml.sax.saxutils import escape

from asyncdl.sandbox.geometry import (
    Point,
    bounds,
    rectangle,
    to_polar,
    to_utm,
    unproject,
    utm_zone,
)
from asyncdl.sandbox.landsat_scenes import LandsatScene
from asyncdl.sandbox.rasters import PIXEL_M, is_polar, scene_frame
from asyncdl.sandbox.scene_facts import (
    level_1_id,
    level_1_type,
    sensor_name,
    sun_azimuth,
    sun_elevation,
)
from asyncdl.sandbox.scene_files import files_of

Value: TypeAlias = str | float | int
Fields: TypeAlias = Mapping[str, Value]
Groups: TypeAlias = Mapping[str, Fields]

_CORNERS = ("LL", "LR", "UR", "UL")
_LOOKS_DOWN = ("TM", "ETM", "MSS")
"""Sensors that cannot point off nadir; their metadata have no such fields."""


class _Angle(float):
    """Degrees, written with five digits."""

    def __str__(self) -> str:
        return f"{self:.5f}"


def text_file(scene: LandsatScene, suffix: str) -> bytes:
    """Return the content of a text file of the scene.

    Args:
        scene: The scene.
        suffix: ``MTL.txt``, ``MTL.xml``, ``MTL.json``, ``ANG.txt`` or ``GCP.txt``.
    Raises: KeyError, for any other suffix.
    """
    return _WRITERS[suffix](scene).encode()


def _groups(scene: LandsatScene) -> Groups:
    return {
        "PRODUCT_CONTENTS": _contents(scene),
        "IMAGE_ATTRIBUTES": _image(scene),
        "PROJECTION_ATTRIBUTES": _projection(scene),
        **_records(scene),
        **_rescaling(scene),
        "LEVEL1_PROJECTION_PARAMETERS": {
            **_map_projection(scene),
            "GRID_CELL_SIZE_REFLECTIVE": float(PIXEL_M),
            "ORIENTATION": "NORTH_UP",
        },
    }


def _contents(scene: LandsatScene) -> Fields:
    display_id = scene.display_id
    files = {
        f"FILE_NAME_{f.suffix.partition('.')[0]}": f.name(display_id)
        for f in files_of(scene)
        if f.suffix.endswith(".TIF")
    }
    return {
        "ORIGIN": "asyncdl sandbox, not the U.S. Geological Survey",
        "LANDSAT_PRODUCT_ID": display_id,
        "PROCESSING_LEVEL": scene.product.level,
        "COLLECTION_NUMBER": f"{scene.product.collection:02}",
        "COLLECTION_CATEGORY": scene.product.tier,
        "OUTPUT_FORMAT": "GEOTIFF",
        **files,
    }


def _image(scene: LandsatScene) -> Fields:
    product = scene.product
    return {
        "SPACECRAFT_ID": f"LANDSAT_{product.satellite}",
        "SENSOR_ID": sensor_name(scene),
        "WRS_TYPE": 1 if product.satellite < 4 else 2,
        "WRS_PATH": product.path,
        "WRS_ROW": product.row,
        **_view(scene),
        "DATE_ACQUIRED": str(product.acquired),
        "SCENE_CENTER_TIME": "21:17:05.9710770Z",
        "STATION_ID": scene.station,
        "CLOUD_COVER": -1.0 if scene.cloud is None else float(scene.cloud),
        "CLOUD_COVER_LAND": -1.0 if scene.cloud is None else float(scene.cloud),
        "SUN_AZIMUTH": sun_azimuth(scene),
        "SUN_ELEVATION": sun_elevation(scene),
    }


def _view(scene: LandsatScene) -> Fields:
    if sensor_name(scene) in _LOOKS_DOWN:
        return {}
    target = {"TARGET_WRS_PATH": scene.product.path, "TARGET_WRS_ROW": scene.product.row}
    return {"NADIR_OFFNADIR": "NADIR", **target, "ROLL_ANGLE": 0.001}


def _rescaling(scene: LandsatScene) -> Groups:
    """Return factors and offsets: the scene's own for level 1, fixed ones for level 2."""
    stems = [f.suffix.removesuffix(".TIF") for f in files_of(scene)]
    if scene.product.level.startswith("L1"):
        bands = [stem[1:] for stem in stems if re.fullmatch(r"B[0-9]\S*", stem)]
        return {"LEVEL1_RADIOMETRIC_RESCALING": _factors("RADIANCE", bands, *_RADIANCE)}
    groups = {}
    for group, word, start, factor, summand in _LEVEL_2:
        bands = [stem.removeprefix("SR_B") for stem in stems if stem.startswith(start)]
        groups[group] = _factors(word, bands, factor, summand)
    numbers = [stem[4:] for stem in stems if stem.startswith("SR_B")]
    return groups | {"LEVEL1_RADIOMETRIC_RESCALING": _factors("RADIANCE", numbers, *_RADIANCE)}


_RADIANCE = (1.2901e-02, -64.50605)
_LEVEL_2 = (
    ("LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", "REFLECTANCE", "SR_B", 2.75e-05, -0.2),
    ("LEVEL2_SURFACE_TEMPERATURE_PARAMETERS", "TEMPERATURE", "ST_B", 0.00341802, 149.0),
)


def _factors(word: str, bands: list[str], factor: float, summand: float) -> Fields:
    return {
        **{f"{word}_MULT_BAND_{band}": factor for band in bands},
        **{f"{word}_ADD_BAND_{band}": summand for band in bands},
    }


def _records(scene: LandsatScene) -> Groups:
    """Return the processing records of the product and of its level 1 source."""
    common = {
        "REQUEST_ID": f"{scene.product.processed:%Y%m%d}_00000",
        "DATE_PRODUCT_GENERATED": f"{scene.product.processed}T18:27:47Z",
    }
    own = {"LANDSAT_PRODUCT_ID": scene.display_id, "PROCESSING_LEVEL": scene.product.level}
    first = {
        "LANDSAT_SCENE_ID": scene.entity_id,
        "LANDSAT_PRODUCT_ID": level_1_id(scene),
        "PROCESSING_LEVEL": level_1_type(scene),
    }
    level_2 = {"LEVEL2_PROCESSING_RECORD": {**common, **own}}
    level_1 = {"LEVEL1_PROCESSING_RECORD": {**common, **first}}
    return level_1 if scene.product.level.startswith("L1") else {**level_2, **level_1}


def _projection(scene: LandsatScene) -> Fields:
    """Return the frame of the raster; its corners are outside of the footprint."""
    box = scene_frame(scene.footprint).box
    size = (box[2] - box[0]) / PIXEL_M, (box[3] - box[1]) / PIXEL_M
    corners: dict[str, Value] = {}
    for name, place, near in zip(_CORNERS, rectangle(*box), scene.footprint, strict=True):
        longitude, latitude = unproject(_project_of(scene), place, near)
        corners[f"CORNER_{name}_LAT_PRODUCT"] = latitude
        corners[f"CORNER_{name}_LON_PRODUCT"] = (longitude + 180) % 360 - 180
        # Coordinates are those of the centres of the outer pixels.
        half_x = PIXEL_M / 2 if name[1] == "L" else -PIXEL_M / 2
        half_y = PIXEL_M / 2 if name[0] == "L" else -PIXEL_M / 2
        corners[f"CORNER_{name}_PROJECTION_X_PRODUCT"] = place[0] + half_x
        corners[f"CORNER_{name}_PROJECTION_Y_PRODUCT"] = place[1] + half_y
    return {
        **_map_projection(scene),
        "GRID_CELL_SIZE_REFLECTIVE": float(PIXEL_M),
        "REFLECTIVE_LINES": round(size[1]),
        "REFLECTIVE_SAMPLES": round(size[0]),
        "ORIENTATION": "NORTH_UP",
        **corners,
    }


def _map_projection(scene: LandsatScene) -> Fields:
    datum = {"DATUM": "WGS84", "ELLIPSOID": "WGS84"}
    if not is_polar(scene.footprint):
        return {"MAP_PROJECTION": "UTM", **datum, "UTM_ZONE": _zone_of(scene)}
    return {
        "MAP_PROJECTION": "PS",
        **datum,
        "VERTICAL_LON_FROM_POLE": _Angle(0),
        "TRUE_SCALE_LAT": _Angle(-71),
        "FALSE_EASTING": 0,
        "FALSE_NORTHING": 0,
    }


def _project_of(scene: LandsatScene) -> Callable[[Point], tuple[float, float]]:
    if is_polar(scene.footprint):
        return to_polar
    return lambda point: to_utm(point, _zone_of(scene))


def _zone_of(scene: LandsatScene) -> int:
    west, _, east, _ = bounds(scene.footprint)
    return utm_zone((west + east) / 2)


def _mtl_txt(scene: LandsatScene) -> str:
    return "\n".join((*_odl("LANDSAT_METADATA_FILE", _groups(scene)), "END", ""))


def _odl(name: str, groups: Groups) -> Iterator[str]:
    yield f"GROUP = {name}"
    for group, fields in groups.items():
        yield f"  GROUP = {group}"
        for key, value in fields.items():
            yield f"    {key} = {_odl_value(value)}"
        yield f"  END_GROUP = {group}"
    yield f"END_GROUP = {name}"


def _odl_value(value: str | float) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _mtl_xml(scene: LandsatScene) -> str:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<LANDSAT_METADATA_FILE>"]
    for group, fields in _groups(scene).items():
        lines.append(f"  <{group}>")
        lines += (f"    <{key}>{escape(str(value))}</{key}>" for key, value in fields.items())
        lines.append(f"  </{group}>")
    return "\n".join((*lines, "</LANDSAT_METADATA_FILE>", ""))


def _mtl_json(scene: LandsatScene) -> str:
    """Return the JSON form, in which every value is a string.

    Most real files are a single line; some are indented. The form depends on the scene's id.
    """
    groups = {
        name: {key: str(value) for key, value in fields.items()}
        for name, fields in _groups(scene).items()
    }
    body = {"LANDSAT_METADATA_FILE": groups}
    return json.dumps(body) if has_one_line(scene) else json.dumps(body, indent=2) + "\n"


def has_one_line(scene: LandsatScene) -> bool:
    """Return whether the ``MTL.json`` of a scene is one line: five of seven are."""
    return zlib.crc32(f"MTL.json {scene.display_id}".encode()) % 7 < 5


def _ang_txt(scene: LandsatScene) -> str:
    header: Groups = {
        "FILE_HEADER": {
            "LANDSAT_SCENE_ID": scene.entity_id,
            "LANDSAT_PRODUCT_ID": scene.display_id,
            "SPACECRAFT_ID": f"LANDSAT_{scene.product.satellite}",
            "NUMBER_OF_BANDS": sum(1 for f in files_of(scene) if f.suffix.endswith(".TIF")),
        },
        "PROJECTION": {"ELLIPSOID_AXES": "(6378137.000000, 6356752.314200)", "UNITS": "M"},
    }
    lines = [*_odl("ANGLE_COEFFICIENTS", header), *_image_corners(scene)]
    return "\n".join((*lines, "END", ""))


def _image_corners(scene: LandsatScene) -> Iterator[str]:
    """Yield the footprint's position in the raster, clockwise from the upper left corner."""
    left, bottom, right, top = scene_frame(scene.footprint).box
    lower_left, lower_right, upper_right, upper_left = map(_project_of(scene), scene.footprint)
    around = (upper_left, upper_right, lower_right, lower_left)
    lines = ", ".join(f"{(top - y) / PIXEL_M - 0.5:12.6f}" for _, y in around)
    samples = ", ".join(f"{(x - left) / PIXEL_M - 0.5:12.6f}" for x, _ in around)
    yield "GROUP = RPC_BAND01"
    yield f"  BAND01_NUM_L1T_LINES = {round((top - bottom) / PIXEL_M)}"
    yield f"  BAND01_NUM_L1T_SAMPS = {round((right - left) / PIXEL_M)}"
    yield f"  BAND01_L1T_IMAGE_CORNER_LINES = ({lines})"
    yield f"  BAND01_L1T_IMAGE_CORNER_SAMPS = ({samples})"
    yield "END_GROUP = RPC_BAND01"


def _gcp_txt(scene: LandsatScene) -> str:
    lines = ["END_OF_DESCRIPTION"]
    for number, (longitude, latitude) in enumerate(scene.footprint, start=1):
        lines.append(f"{number:07} {latitude:10.5f} {longitude:10.5f} 0.000 0.000")
    return "\n".join((*lines, ""))


_WRITERS = {
    "MTL.txt": _mtl_txt,
    "MTL.xml": _mtl_xml,
    "MTL.json": _mtl_json,
    "ANG.txt": _ang_txt,
    "GCP.txt": _gcp_txt,
}
