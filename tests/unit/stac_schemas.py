"""What the STAC extensions ask of the fields that items here have, as JSON schemas of our own.

Only what is written: a field that stands in an item and not here is refused, so that
no field goes unchecked.

Source: the field tables of the extensions classification 1.1.0, eo 1.1.0, file 2.1.0,
landsat 2.0.0, projection 1.2.0, raster 1.1.0, scientific 1.0.0, version 1.2.0 and view 1.0.0;
for tiles, the fields that the service's own items have.
"""

from __future__ import annotations

from typing import Any

PERCENT = {"type": "number", "minimum": 0, "maximum": 100}
TEXT = {"type": "string", "minLength": 1}
COMMON_NAMES = [
    *("coastal", "blue", "green", "red", "rededge", "yellow", "pan", "nir", "nir08", "nir09"),
    *("cirrus", "swir16", "swir22", "lwir", "lwir11", "lwir12"),
]
LENGTH = {"type": "number", "exclusiveMinimum": 0}
BAND = {
    "type": "object",
    "properties": {
        "name": TEXT,
        "common_name": {"enum": COMMON_NAMES},
        "center_wavelength": LENGTH,
        "full_width_half_max": LENGTH,
    },
    "additionalProperties": False,
}
RASTER_BAND = {
    "type": "object",
    "minProperties": 1,
    "properties": {
        "data_type": {"pattern": "^(u?int(8|16|32|64)|float(16|32|64))$"},
        "nodata": {"type": ["number", "string"]},
        "unit": TEXT,
        "scale": {"type": "number"},
        "offset": {"type": "number"},
        "spatial_resolution": LENGTH,
    },
    "additionalProperties": False,
}
CLASS = {
    "type": "object",
    "required": ["value", "name", "description"],
    "properties": {
        "value": {"type": "integer"},
        "name": {"type": "string", "pattern": "^[0-9A-Za-z-_]+$"},
        "description": TEXT,
    },
    "additionalProperties": False,
}
BIT_FIELD = {
    "type": "object",
    "required": ["offset", "length", "classes"],
    "properties": {
        "name": TEXT,
        "description": TEXT,
        "offset": {"type": "integer", "minimum": 0, "maximum": 15},
        "length": {"type": "integer", "minimum": 1, "maximum": 2},
        "classes": {"type": "array", "uniqueItems": True, "minItems": 1, "items": CLASS},
    },
    "additionalProperties": False,
}
LANDSAT = {
    "landsat:scene_id": {"type": "string", "pattern": "^L[CEMOT][1-9][0-9]{13}[A-Z]{3}[0-9]{2}$"},
    "landsat:collection_category": {"enum": ["A1", "A2", "T1", "T2", "RT"]},
    "landsat:collection_number": {"enum": ["01", "02"]},
    "landsat:wrs_type": {"enum": ["1", "2"]},
    "landsat:wrs_path": {"type": "string", "pattern": "^[0-2][0-9]{2}$"},
    "landsat:wrs_row": {"type": "string", "pattern": "^[0-2][0-9]{2}$"},
    "landsat:cloud_cover_land": {"type": "number", "minimum": -1, "maximum": 100},
    "landsat:correction": {"enum": ["L1TP", "L1GT", "L1GS", "L2SR", "L2SP"]},
}
TILES = "https://landsat.usgs.gov/stac/landsat-ard-extension/v1.0.0/schema.json"

FIELDS: dict[str, dict[str, Any]] = {
    "classification/v1.1.0": {
        "classification:bitfields": {
            "type": "array",
            "uniqueItems": True,
            "minItems": 1,
            "items": BIT_FIELD,
        },
    },
    "landsat/v2.0.0": LANDSAT,
    TILES: {
        "landsat:grid_horizontal": {"type": "string", "pattern": "^[0-9]{2}$"},
        "landsat:grid_vertical": {"type": "string", "pattern": "^[0-9]{2}$"},
        "landsat:grid_region": {"enum": ["CU", "AK", "HI"]},
        "landsat:scene_count": {"type": "integer", "minimum": 1},
        "landsat:fill": PERCENT,
    },
    "raster/v1.1.0": {
        "raster:bands": {"type": "array", "minItems": 1, "maxItems": 1, "items": RASTER_BAND},
    },
    "eo/v1.1.0": {
        "eo:cloud_cover": PERCENT,
        "eo:bands": {"type": "array", "minItems": 1, "items": BAND},
    },
    "file/v2.1.0": {
        "file:size": {"type": "integer", "minimum": 0},
        # Multihash in lower-case hex: SHA2-512 or SHA2-256, the length, the digest.
        "file:checksum": {"type": "string", "pattern": "^(1340[0-9a-f]{128}|1220[0-9a-f]{64})$"},
    },
    "projection/v1.2.0": {
        "proj:code": {"type": ["string", "null"], "pattern": "^[A-Z]+:[0-9]+$"},
        "proj:epsg": {"type": ["integer", "null"]},
        "proj:wkt2": {"type": "string", "pattern": "^PROJCRS\\["},
        "proj:projjson": {"type": "object", "required": ["type", "base_crs", "conversion"]},
        "proj:shape": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "integer", "minimum": 1},
        },
        "proj:transform": {
            "type": "array",
            "minItems": 6,
            "maxItems": 6,
            "items": {"type": "number"},
        },
    },
    "scientific/v1.0.0": {
        "sci:doi": {"type": "string", "pattern": "^10\\.[0-9]{4,9}/[^\\s]+$"},
        "sci:citation": TEXT,
    },
    "version/v1.2.0": {"deprecated": {"const": True}},
    "view/v1.0.0": {
        "view:off_nadir": {"type": "number", "minimum": 0, "maximum": 90},
        "view:sun_azimuth": {"type": "number", "minimum": 0, "maximum": 360},
        "view:sun_elevation": {"type": "number", "minimum": -90, "maximum": 90},
    },
}


def schemas() -> dict[str, dict[str, Any]]:
    """Return a schema for each extension, by its address."""
    return {address_of(name): _schema(name, fields) for name, fields in FIELDS.items()}


def address_of(name: str) -> str:
    is_whole = name.startswith("https://")
    return name if is_whole else f"https://stac-extensions.github.io/{name}/schema.json"


def _schema(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    prefix = next(iter(fields)).partition(":")[0]
    owner = {
        "type": "object",
        "properties": fields,
        "patternProperties": {f"^{prefix}:(?!({_names(fields)})$)": False},
    }
    needed = list(LANDSAT) if name.startswith("landsat/") else []
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": address_of(name),
        "type": "object",
        **{key: value for key, value in owner.items() if key == "patternProperties"},
        "properties": {
            **fields,
            "properties": {**owner, "required": needed},
            "assets": {"type": "object", "additionalProperties": owner},
            "stac_extensions": {"contains": {"const": address_of(name)}},
        },
    }


def _names(fields: dict[str, Any]) -> str:
    return "|".join(field.partition(":")[2] for field in fields)
