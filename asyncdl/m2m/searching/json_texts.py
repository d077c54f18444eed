"""Areas in JSON: GeoJSON, one feature per line, Esri JSON, TopoJSON. Pure.

Source: RFC 7946, RFC 8142 (text sequences), RFC 8259.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import orjson

from asyncdl.errors import ConfigError
from asyncdl.m2m.searching.esri_json import from_esri, is_esri
from asyncdl.m2m.searching.topojson import from_topology
from asyncdl.outside import TooMuch, check_values
from asyncdl.user_text import BYTE_ORDER_MARKS

MAX_VALUES = 3_000_000
"""Maximum for GeoJSON: a million corners, more than any search can use."""
_RECORD = "\x1e"
"""Record separator of a text sequence. Source: RFC 8142, section 2."""
_NO_JSON_NUMBER = re.compile(r"\b(?:NaN|Infinity)\b")


def decode_text(data: bytes) -> str:
    """Return a text in any Unicode encoding; invalid bytes are replaced.

    Coordinates are ASCII digits: wrongly decoded letters in names do not matter.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace").removeprefix("\ufeff")
    for encoding, zeros in (("utf-16-le", data[1:8:2]), ("utf-16-be", data[:8:2])):
        if len(zeros) > 2 and not any(zeros):
            return data.decode(encoding, errors="replace")
    return data.decode("utf-8", errors="replace")


def read_geojson(data: object, layer: str | int | None = None) -> object:
    """Return GeoJSON as an object, converting other kinds of JSON.

    Args:
        data: A text, or decoded JSON, or an object with ``__geo_interface__``.
        layer: Name or number of an object in TopoJSON.
    Raises: ConfigError, for a text that is not JSON or too large, and for invalid Esri JSON
        or TopoJSON.
    """
    if isinstance(data, bytes | bytearray):
        data = decode_text(bytes(data))
    if isinstance(data, str):
        data = _parsed(data.removeprefix("\ufeff"))
    found = getattr(data, "__geo_interface__", data)
    if not isinstance(found, Mapping):
        return found
    try:
        if found.get("type") == "Topology":
            return from_topology(found, layer)
        return from_esri(found) if is_esri(found) else found
    except OverflowError as error:  # an integer of hundreds of digits
        raise ConfigError("the area of interest has a coordinate that is out of range") from error


def _parsed(text: str) -> object:
    try:
        raw = text.encode(errors="replace")
        check_values(raw, MAX_VALUES)
    except TooMuch as error:
        raise ConfigError(f"the area of interest {error}; simplify it") from None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        found = _sequence_of(text) or _with_odd_numbers(text)
        if found is None:
            raise ConfigError(f"the area of interest is not JSON: {error}") from None
        return found


def _sequence_of(text: str) -> dict[str, Any] | None:
    """Parse one GeoJSON text per line, or per record separator; ``None`` if that fails."""
    texts = text.split(_RECORD) if _RECORD in text else text.splitlines()
    found = []
    for one in texts:
        if one.strip():
            try:
                found.append(orjson.loads(one))
            except orjson.JSONDecodeError:
                return None
    if len(found) < 2 and _RECORD not in text:
        return None
    features = (
        item if isinstance(item, dict) and item.get("type") == "Feature" else _feature(item)
        for item in found
    )
    return {"type": "FeatureCollection", "features": list(features)}


def _feature(geometry: object) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry}


def _with_odd_numbers(text: str) -> object | None:
    """Parse JSON whose properties contain NaN, as Python and GDAL write it; ``None`` if not."""
    if not _NO_JSON_NUMBER.search(text):
        return None
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found
