"""From the area of interest of a config to the filters of a search. Reads files, works offline."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from asyncdl.config import Aoi, SearchConfig
from asyncdl.config.aoi import Form, form_of
from asyncdl.config.sections import AOI_FORMS
from asyncdl.errors import ConfigError
from asyncdl.extras import installing
from asyncdl.job.choosing.vector_files import as_geojson, has_gdal
from asyncdl.m2m.searching.area import (
    SearchArea,
    area_from_bbox,
    area_from_geojson,
    area_from_point,
    area_from_wkt,
)
from asyncdl.m2m.searching.geojson import OtherReferenceSystem
from asyncdl.m2m.searching.json_texts import decode_text, read_geojson
from asyncdl.m2m.searching.wkt import read_wkt
from asyncdl.outside import TooMuch, read_at_most

_JSON_ENDINGS = (
    ".geojson", ".json", ".geojsonl", ".geojsons", ".geojsonseq", ".jsonl", ".ndjson", ".ndgeojson",
    ".esrijson", ".topojson",
)  # fmt: skip
_FORMS: dict[str, Form] = {
    **dict.fromkeys(_JSON_ENDINGS, "geojson"), ".wkt": "wkt", ".ewkt": "wkt",
}  # fmt: skip
"""Of files, by their extensions; of other files it is detected from their first bytes."""
_BEGINNING_BYTES = 1024
MAX_AREA_BYTES = 32 * 1024**2
"""Of GeoJSON or WKT: about a million corners, more than any search accepts."""


def area_of(search: SearchConfig) -> SearchArea:
    """Return the area of a ``[search]``; without filters if it searches everywhere.

    Raises: ConfigError, if the area of interest is not valid.
    """
    if search.aoi is not None:
        return _area_of_aoi(search.aoi)
    if search.bbox is not None:
        return area_from_bbox(*search.bbox)
    if search.point is not None:
        return area_from_point(*search.point)
    return SearchArea()


def _area_of_aoi(aoi: Aoi) -> SearchArea:
    if aoi.form == "file":
        return _area_of_file(aoi.path, aoi.layer)
    try:
        return _area_of_text(aoi, aoi.form)
    except ConfigError as error:
        error.key = "search.aoi"
        raise


def _area_of_file(path: Path, layer: str | int | None) -> SearchArea:
    if path.is_dir():
        return _area_of_folder(path, layer)
    form = _form_of_file(path)
    if form == "file":
        _refuse_parquet(path)
        return area_from_geojson(as_geojson(path, layer), source=path)
    return _area_of_text(decode_text(_content_of(path)), form, path, layer)


def _area_of_text(
    text: str, form: Form, source: Path | None = None, layer: str | int | None = None
) -> SearchArea:
    """Read a text; GDAL reprojects it if it has to be and GDAL is installed."""
    try:
        if form == "wkt":
            return area_from_wkt(text, source=source)
        return area_from_geojson(text, source=source, layer=layer)
    except OtherReferenceSystem as error:
        if not has_gdal():
            error.problem += f", or install GDAL, which does: {installing('geo')}"
            raise
    found = read_wkt(text) if form == "wkt" else read_geojson(text, layer)
    return area_from_geojson(_reprojected(found, source), source=source)


def _reprojected(found: object, source: Path | None) -> bytes:
    """Reproject GeoJSON that names its reference system, by GDAL."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "area.geojson")
        path.write_bytes(orjson.dumps(found))
        try:
            return as_geojson(path)
        except ConfigError as error:
            error.file = source
            raise


def _area_of_folder(path: Path, layer: str | int | None) -> SearchArea:
    """Read a folder that GDAL reads as one file, such as a ``.gdb``."""
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


def _content_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return read_at_most(file, MAX_AREA_BYTES)
    except OSError as error:
        raise _unreadable(path, error) from error
    except TooMuch as error:
        problem = f"{error}; an area of interest is an outline: simplify it"
        raise ConfigError(problem, file=path) from None


def _refuse_parquet(path: Path) -> None:
    """Say what to do with GeoParquet, which pyogrio's GDAL cannot read."""
    with path.open("rb") as file:
        if file.read(4) == b"PAR1":
            raise ConfigError(
                "is GeoParquet, which is not read here; geopandas.read_parquet reads it, and in "
                "Python its frame is an area, or to_file writes it as a GeoPackage",
                file=path,
                allowed=AOI_FORMS,
            )


def _form_of_file(path: Path) -> Form:
    """Return the form of a file; ``file`` for what only GDAL reads."""
    if (form := _FORMS.get(path.suffix.lower())) is not None:
        return form
    try:
        with path.open("rb") as file:
            return form_of(decode_text(file.read(_BEGINNING_BYTES)))
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ConfigError:
    """Return the error for a file that existed when the config was read."""
    return ConfigError(error.strerror or "cannot be read", file=path, allowed=AOI_FORMS)
