"""Endpoints about places: the WRS grid and a few place names.

Source: API notes, section 10.
"""

from __future__ import annotations

from collections.abc import Mapping

from asyncdl.sandbox.endpoints.payload import Endpoint, Json, Payload, need, whole
from asyncdl.sandbox.refusal import invalid
from asyncdl.sandbox.sandbox_state import SandboxState
from asyncdl.sandbox.wrs import PATHS, ROWS, centre, footprint

_PLACES = (
    # Name, code of the feature, country, latitude, longitude.
    ("Anchorage", "Populated Place", "US", 61.2181, -149.9003),
    ("Seattle", "Populated Place", "US", 47.6062, -122.3321),
    ("Sioux Falls", "Populated Place", "US", 43.55, -96.7003),
    ("Berlin", "PPLC", "DE", 52.5244, 13.4105),
    ("Nairobi", "PPLC", "KE", -1.2833, 36.8167),
    ("Lima", "PPLC", "PE", -12.0432, -77.0282),
)
_COUNTRIES = {"US": "United States", "DE": "Germany", "KE": "Kenya", "PE": "Peru"}


def grid2ll(state: SandboxState, payload: Payload) -> Json:
    """``grid2ll``: coordinates of a path and row."""
    path, row = whole(payload, "path", 0), whole(payload, "row", 0)
    # The sandbox uses the coordinates of WRS-2 for WRS-1, too.
    if str(need(payload, "gridType")).upper() not in ("WRS1", "WRS2"):
        raise invalid("The parameter gridType must be WRS1 or WRS2")
    if not (1 <= path <= PATHS and 1 <= row <= ROWS):
        raise invalid("The path or the row is not part of the grid")
    shape = str(payload.get("responseShape") or "point").lower()
    points = footprint(path, row) if shape == "polygon" else (centre(path, row),)
    coordinates = [{"latitude": lat, "longitude": lon} for lon, lat in points]
    return {"shape": shape, "coordinates": coordinates}


def placename(state: SandboxState, payload: Payload) -> Json:
    """``placename``: a few places by a part of their name."""
    wanted = str(payload.get("name") or "").lower()
    kind = str(payload.get("featureType") or "").lower()
    found = [
        _place(number, *place)
        for number, place in enumerate(_PLACES, start=1)
        if wanted in place[0].lower() and kind in ("", "us" if place[2] == "US" else "world")
    ]
    # Documented without a shape; the one known program that calls it reads ``results``.
    return {"results": found}


def _place(
    number: int, name: str, code: str, country: str, latitude: float, longitude: float
) -> Json:
    return {
        "id": number,
        "feature_id": number,
        "placename": name,
        "feature_code": code,
        "country_code": country,
        "latitude": latitude,
        "longitude": longitude,
        "feature_name": name,
        "country_name": _COUNTRIES[country],
    }


ENDPOINTS: Mapping[str, Endpoint] = {"grid2ll": grid2ll, "placename": placename}
