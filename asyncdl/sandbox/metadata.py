"""The text files of a product: MTL in its three forms, and ANG.

Plausible, not complete: the groups and names that readers look for are there
and speak of this very product. In the XML and text forms numbers stand as they are;
in the JSON form they are texts, as the real ones are.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from typing import TypeAlias
from xml.sax.saxutils import escape

from asyncdl.sandbox.geometry import bounds, utm_zone
from asyncdl.sandbox.products import files_of
from asyncdl.sandbox.scene_facts import sensor_name, sun_azimuth, sun_elevation
from asyncdl.sandbox.scenes import LandsatScene

Value: TypeAlias = str | float | int
Fields: TypeAlias = Mapping[str, Value]
Groups: TypeAlias = Mapping[str, Fields]

_CORNERS = ("LL", "LR", "UR", "UL")


def text_file(scene: LandsatScene, suffix: str) -> bytes:
    """Return the content of a text file of the scene.

    Args:
        scene: Whose file it is.
        suffix: ``MTL.txt``, ``MTL.xml``, ``MTL.json``, ``ANG.txt`` or ``GCP.txt``.
    Raises: KeyError, for any other suffix.
    """
    return _WRITERS[suffix](scene).encode()


def _groups(scene: LandsatScene) -> Groups:
    return {
        "PRODUCT_CONTENTS": _contents(scene),
        "IMAGE_ATTRIBUTES": _image(scene),
        "PROJECTION_ATTRIBUTES": _projection(scene),
        f"LEVEL{scene.product.level[1]}_PROCESSING_RECORD": _record(scene),
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
        "COLLECTION_NUMBER": scene.product.collection,
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
        "NADIR_OFFNADIR": "NADIR",
        "TARGET_WRS_PATH": product.path,
        "TARGET_WRS_ROW": product.row,
        "DATE_ACQUIRED": str(product.acquired),
        "SCENE_CENTER_TIME": "21:17:05.9710770Z",
        "STATION_ID": scene.station,
        "CLOUD_COVER": -1.0 if scene.cloud is None else float(scene.cloud),
        "CLOUD_COVER_LAND": -1.0 if scene.cloud is None else float(scene.cloud),
        "SUN_AZIMUTH": sun_azimuth(scene),
        "SUN_ELEVATION": sun_elevation(scene),
    }


def _record(scene: LandsatScene) -> Fields:
    return {
        "REQUEST_ID": f"{scene.product.processed:%Y%m%d}_00000",
        "LANDSAT_SCENE_ID": scene.entity_id,
        "LANDSAT_PRODUCT_ID": scene.display_id,
        "PROCESSING_LEVEL": scene.product.level,
        "DATE_PRODUCT_GENERATED": f"{scene.product.processed}T18:27:47Z",
    }


def _projection(scene: LandsatScene) -> Fields:
    west, _, east, _ = bounds(scene.footprint)
    corners: dict[str, Value] = {}
    for name, (longitude, latitude) in zip(_CORNERS, scene.footprint, strict=True):
        corners[f"CORNER_{name}_LAT_PRODUCT"] = latitude
        corners[f"CORNER_{name}_LON_PRODUCT"] = longitude
    return {
        "MAP_PROJECTION": "UTM",
        "DATUM": "WGS84",
        "UTM_ZONE": utm_zone((west + east) / 2),
        **corners,
    }


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
    """Return the JSON form, in which every value is a text.

    Most real ones are a single line; some are indented. Which form a scene has follows from
    its id.
    """
    groups = {
        name: {key: str(value) for key, value in fields.items()}
        for name, fields in _groups(scene).items()
    }
    body = {"LANDSAT_METADATA_FILE": groups}
    return json.dumps(body) if has_one_line(scene) else json.dumps(body, indent=2) + "\n"


def has_one_line(scene: LandsatScene) -> bool:
    """Tell whether the ``MTL.json`` of a scene is one line: five of seven are."""
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
    return "\n".join((*_odl("ANGLE_COEFFICIENTS", header), "END", ""))


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
