"""The area of interest of a config: the name of a file, or the geometry itself as text."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import orjson

from asyncdl.errors import ConfigError

Form: TypeAlias = Literal["file", "geojson", "wkt"]


class GeoInterface(Protocol):
    """What shapely, geopandas, pystac and many others offer.

    Source: https://gist.github.com/sgillies/2217756
    """

    @property
    def __geo_interface__(self) -> Mapping[str, Any]:
        """A GeoJSON object."""


AreaInput: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | GeoInterface
"""A file; GeoJSON or WKT as text; a GeoJSON object, or an object that has its GeoJSON."""

_WKT = re.compile(r"(SRID\s*=|[A-Z]+\s*(\(|EMPTY\b|(Z|M|ZM)\s*(\(|EMPTY\b)))", re.IGNORECASE)

_LAYER = re.compile(r"[^|]+\|(layername=[^|]+|layerid=\d+)")
"""A file and one of its layers, as QGIS writes them."""


def form_of(text: str) -> Form:
    """Return what a text is by its beginning: GeoJSON, WKT, or else a file name."""
    start = text.removeprefix("\ufeff").lstrip(" \t\r\n\x1e")
    if start.startswith("{"):
        return "geojson"
    return "wkt" if _WKT.match(start) else "file"


class Aoi(str):
    """An area of interest: the name of a file, or GeoJSON or WKT as text.

    A layer of a file follows its name, as in ``parcels.gpkg|layername=fields``.

    As text it does not change with the object that it was made from.
    """

    @classmethod
    def of(cls, place: AreaInput) -> Aoi:
        """Return any object with a place on earth as an area, in longitude and latitude.

        Args:
            place: Objects of geopandas in another reference system are reprojected.
        Raises: ConfigError, for anything else.
        """
        try:
            return cls.read(place)
        except ValueError as error:
            raise ConfigError(str(error), key="search.aoi") from error

    @classmethod
    def read(cls, value: object) -> Aoi:
        """Read the value of a config, as :meth:`of`. Raises: ValueError, for anything else."""
        text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
        if isinstance(text, str) and not text.strip():
            raise ValueError("is empty")
        if isinstance(text, str):
            return cls(text)._with_valid_layer()
        geometry = _geometry_of(value)
        try:
            return cls(orjson.dumps(geometry, option=orjson.OPT_SERIALIZE_NUMPY).decode())
        except orjson.JSONEncodeError as error:
            raise ValueError(f"is not GeoJSON: {error}") from error

    @property
    def form(self) -> Form:
        """What the text is."""
        return form_of(self)

    @property
    def file_name(self) -> str:
        """The name of the file without its layer, if it is one."""
        return self.partition("|")[0]

    @property
    def path(self) -> Path:
        """The file, if it is one."""
        return Path(self.file_name)

    @property
    def layer(self) -> str | int | None:
        """The layer of the file, by its name or number; ``None`` for the only one."""
        key, _, value = self.partition("|")[2].partition("=")
        return int(value) if key == "layerid" else value or None

    def _with_valid_layer(self) -> Aoi:
        if self.form == "file" and "|" in self and not _LAYER.fullmatch(self):
            raise ValueError("a file may be followed by |layername=… or |layerid=…, nothing else")
        return self

    def in_file(self, path: str) -> Aoi:
        """Return the same layer of another file."""
        _, bar, layer = self.partition("|")
        return Aoi(f"{path}{bar}{layer}")


def _geometry_of(value: object) -> dict[str, Any]:
    """Return the GeoJSON geometry of any object, without other contents.

    Properties of a feature may not be representable in JSON, such as times of pandas.
    """
    found = _interface_of(value)
    if found.get("type") != "FeatureCollection":
        return _geometry_in(found)
    features = found.get("features")
    if not isinstance(features, list | tuple):
        raise ValueError("is not GeoJSON: its features are not a list")
    return _named_in(found, _collection([_geometry_in(_interface_of(part)) for part in features]))


def _geometry_in(found: dict[str, Any]) -> dict[str, Any]:
    """Return the geometry of a feature, or any other object unchanged."""
    if found.get("type") != "Feature":
        return found
    geometry = found.get("geometry")
    return _named_in(found, _collection([]) if geometry is None else _interface_of(geometry))


def _named_in(found: dict[str, Any], geometry: dict[str, Any]) -> dict[str, Any]:
    """Keep the reference system that GeoJSON of 2008 names at the top, to be checked later."""
    return geometry | {"crs": found["crs"]} if found.get("crs") else geometry


def _interface_of(value: object) -> dict[str, Any]:
    # The interface has no reference system, so geopandas has to reproject first.
    if getattr(value, "crs", None) is not None and hasattr(value, "to_crs"):
        value = value.to_crs("EPSG:4326")
    found = getattr(value, "__geo_interface__", value)
    if isinstance(found, int | float | list | date | time):
        raise ValueError("is not an area of interest")  # the other types of TOML
    if not isinstance(found, Mapping):
        raise ValueError(
            f"{type(value).__name__} is not an area of interest: it has no __geo_interface__"
        )
    return dict(found)


def _collection(geometries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "GeometryCollection", "geometries": geometries}
