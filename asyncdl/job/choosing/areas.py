"""From the area of interest of a config to the filters of a search. Reads files, no network."""

from __future__ import annotations

from pathlib import Path

from asyncdl.config import Aoi, SearchConfig
from asyncdl.config.aoi import Form, form_of
from asyncdl.config.sections import AOI_FORMS
from asyncdl.errors import ConfigError
from asyncdl.job.choosing.vector_files import as_geojson, has_gdal
from asyncdl.m2m.searching.area import (
    Area,
    OtherReferenceSystem,
    area_from_bbox,
    area_from_geojson,
    area_from_point,
    area_from_wkt,
)
from asyncdl.outside import TooMuch, read_at_most

_FORMS: dict[str, Form] = {".geojson": "geojson", ".json": "geojson", ".wkt": "wkt"}
"""Of files, by how their names end; of others, the beginning tells."""
_BEGINNING_BYTES = 1024
MAX_AREA_BYTES = 32 * 1024**2
"""Of GeoJSON or WKT: about a million corners, which no search takes."""


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
        return _area_of_file(aoi.path, aoi.layer)
    try:
        return area_from_geojson(str(aoi)) if aoi.form == "geojson" else area_from_wkt(aoi)
    except ConfigError as error:
        error.key = "search.aoi"
        raise


def _area_of_file(path: Path, layer: str | int | None) -> Area:
    if path.is_dir():
        return _area_of_folder(path, layer)
    match _form_of_file(path):
        case "geojson":
            return _area_of_geojson(path, layer)
        case "wkt":
            text = _content_of(path).decode("utf-8-sig", errors="replace")
            return area_from_wkt(text, source=path)
    return area_from_geojson(as_geojson(path, layer), source=path)


def _area_of_folder(path: Path, layer: str | int | None) -> Area:
    """Read a folder that is a file to GDAL, such as a ``.gdb``; most folders are none."""
    try:
        found = as_geojson(path, layer)
    except ConfigError as error:
        why = error.problem if has_gdal() else "only GDAL could read one, and it is not installed"
        raise ConfigError(
            f"is a folder: {why}",
            key="search.aoi",
            value=str(path),
            allowed=error.allowed or AOI_FORMS,
        ) from error
    return area_from_geojson(found, source=path)


def _area_of_geojson(path: Path, layer: str | int | None) -> Area:
    """Read GeoJSON, which GDAL reprojects where it is there and has to."""
    try:
        return area_from_geojson(_content_of(path), source=path)
    except OtherReferenceSystem as error:
        if not has_gdal():
            error.problem += ', or install GDAL, which does: pip install "asyncdl[geo]"'
            raise
    return area_from_geojson(as_geojson(path, layer), source=path)


def _content_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return read_at_most(file, MAX_AREA_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error
    except TooMuch as error:
        problem = f"{error}; an area of interest is an outline: simplify it"
        raise ConfigError(problem, file=path) from None


def _form_of_file(path: Path) -> Form:
    """Tell what a file holds; ``file`` stands for what only GDAL knows."""
    if (form := _FORMS.get(path.suffix.lower())) is not None:
        return form
    try:
        with path.open("rb") as file:
            return form_of(file.read(_BEGINNING_BYTES).decode("utf-8", errors="replace"))
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ConfigError:
    """Return the error for a file that was there when the config was read."""
    return ConfigError(error.strerror or "cannot be read", file=path, allowed=AOI_FORMS)
