"""What GDAL reads, as GeoJSON in longitude and latitude. The only module that knows pyogrio."""

from __future__ import annotations

import importlib
import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from asyncdl.errors import ConfigError


def has_gdal() -> bool:
    """Tell whether the extra ``[geo]`` is installed."""
    return importlib.util.find_spec("pyogrio") is not None


def as_geojson(path: Path, layer: str | int | None = None) -> bytes:
    """Return the geometries of a file as GeoJSON, reprojected to EPSG:4326. Blocks.

    GDAL itself writes GeoJSON, and reprojects, cuts at the antimeridian and makes
    polygons of curves on the way, so nothing here has to know a geometry.

    Args:
        path: A file, a zipped one, or a folder that GDAL takes for one, such as a ``.gdb``.
        layer: Its name, or its number from 0; may be left out where there is only one.
    Raises: ConfigError, without the extra ``[geo]``, for what GDAL cannot read, for a layer that
        is not there or not told, and for coordinates in an unknown reference system.
    """
    pyogrio = _pyogrio(path)
    try:
        chosen = _layer_of(pyogrio, path, layer)
        meta, _, geometries, _ = pyogrio.raw.read(path, layer=chosen, columns=[], force_2d=True)
        if meta["crs"] is None:
            raise ConfigError(
                "does not say in which reference system its coordinates are; for a shapefile "
                "the .prj beside it does",
                file=path,
                allowed="a file with a reference system",
            )
        return _written(pyogrio, geometries, meta["crs"])
    except (RuntimeError, ValueError) as error:  # pyogrio's own are RuntimeErrors
        raise ConfigError(f"GDAL cannot read this: {error}", file=path) from error


def _pyogrio(path: Path) -> ModuleType:
    try:
        return importlib.import_module("pyogrio")
    except ImportError as error:
        raise ConfigError(
            "is neither GeoJSON nor WKT; for other formats install GDAL: "
            'pip install "asyncdl[geo]"',
            file=path,
        ) from error


def _layer_of(pyogrio: ModuleType, path: Path, layer: str | int | None) -> str | int:
    names: Sequence[str] = [
        name for name, geometry_type in pyogrio.list_layers(path) if geometry_type is not None
    ]
    if not names:
        raise ConfigError("has no geometries", file=path)
    allowed = ", ".join(f"{path.name}|layername={name}" for name in names)
    if layer is None and len(names) > 1:
        raise ConfigError("has several layers; name one", file=path, allowed=allowed)
    if isinstance(layer, str) and layer not in names:
        raise ConfigError(f"has no layer {layer!r} with geometries", file=path, allowed=allowed)
    return names[0] if layer is None else layer


def _written(pyogrio: ModuleType, geometries: Sequence[bytes | None], crs: str) -> bytes:
    file = io.BytesIO()
    pyogrio.raw.write(
        file,
        geometry=geometries,
        field_data=[],
        fields=[],
        crs=crs,
        geometry_type="Unknown",
        driver="GeoJSON",
        RFC7946="YES",  # which is longitude first, on WGS 84
    )
    return file.getvalue()
