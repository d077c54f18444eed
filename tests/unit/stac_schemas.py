"""What the STAC extensions ask of the fields that items here have, as JSON schemas of our own.

Only what is written: a field that stands in an item and not here is refused, so that
no field goes unchecked.

Source: the field tables of the extensions eo 1.1.0, file 2.1.0, projection 2.0.0,
scientific 1.0.0, version 1.2.0 and view 1.0.0.
"""

from __future__ import annotations

from typing import Any

PERCENT = {"type": "number", "minimum": 0, "maximum": 100}
TEXT = {"type": "string", "minLength": 1}
COMMON_NAMES = [
    *("coastal", "blue", "green", "red", "rededge", "yellow", "pan", "nir", "nir08", "nir09"),
    *("cirrus", "swir16", "swir22", "lwir", "lwir11", "lwir12"),
]
BAND = {
    "type": "object",
    "properties": {"name": TEXT, "common_name": {"enum": COMMON_NAMES}},
    "additionalProperties": False,
}

FIELDS: dict[str, dict[str, Any]] = {
    "eo/v1.1.0": {
        "eo:cloud_cover": PERCENT,
        "eo:bands": {"type": "array", "minItems": 1, "items": BAND},
    },
    "file/v2.1.0": {
        "file:size": {"type": "integer", "minimum": 0},
        # Multihash in lower-case hex: SHA2-512 or SHA2-256, the length, the digest.
        "file:checksum": {"type": "string", "pattern": "^(1340[0-9a-f]{128}|1220[0-9a-f]{64})$"},
    },
    "projection/v2.0.0": {
        "proj:code": {"type": ["string", "null"], "pattern": "^[A-Z]+:[0-9]+$"},
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
    return {
        f"https://stac-extensions.github.io/{name}/schema.json": _schema(name, fields)
        for name, fields in FIELDS.items()
    }


def _schema(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    prefix = next(iter(fields)).partition(":")[0]
    owner = {
        "type": "object",
        "properties": fields,
        "patternProperties": {f"^{prefix}:(?!({_names(fields)})$)": False},
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": f"https://stac-extensions.github.io/{name}/schema.json",
        "type": "object",
        **{key: value for key, value in owner.items() if key == "patternProperties"},
        "properties": {
            **fields,
            "properties": owner,
            "assets": {"type": "object", "additionalProperties": owner},
            "stac_extensions": {"contains": {"pattern": f"/{name}/"}},
        },
    }


def _names(fields: dict[str, Any]) -> str:
    return "|".join(field.partition(":")[2] for field in fields)
