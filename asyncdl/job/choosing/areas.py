"""From the area of interest of a config to the filters of a search. Reads files, no network."""

from __future__ import annotations

from pathlib import Path

from asyncdl.config import Aoi, SearchConfig
from asyncdl.config.aoi import Form, form_of
from asyncdl.errors import ConfigError
from asyncdl.m2m.area import (
    Area,
    area_from_bbox,
    area_from_geojson,
    area_from_point,
    area_from_wkt,
)

_FORMS: dict[str, Form] = {".geojson": "geojson", ".json": "geojson", ".wkt": "wkt"}
"""Of files, by how their names end; of others, the beginning tells."""


def area_of(search: SearchConfig) -> Area:
    """Return where ``[search]`` looks; empty where it looks everywhere.

    Raises: ConfigError, when the area of interest is none.
    """
    if search.aoi is not None:
        return _area_of_aoi(search.aoi)
    if search.bbox is not None:
        return area_from_bbox(*search.bbox)
    if search.point is not None:
        return area_from_point(*search.point)
    return ()


def _area_of_aoi(aoi: Aoi) -> Area:
    if aoi.form == "file":
        return _area_of_file(aoi.path)
    try:
        return area_from_geojson(str(aoi)) if aoi.form == "geojson" else area_from_wkt(aoi)
    except ConfigError as error:
        error.key = "search.aoi"
        raise


def _area_of_file(path: Path) -> Area:
    data = path.read_bytes()
    text = data.decode("utf-8-sig", errors="replace")
    if _FORMS.get(path.suffix.lower(), form_of(text)) == "wkt":
        return area_from_wkt(text, source=path)
    return area_from_geojson(data, source=path)
