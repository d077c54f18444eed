"""Vector files that GDAL reads, as GeoJSON in longitude and latitude.

GDAL opens much more than files: databases, services, and files that name other files and URLs.
So it runs in a process of its own (``gdal_child.py``), which has only the drivers of plain
formats, no network, and limits of memory and time. A file that crashes it crashes nothing else.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from asyncdl.errors import ConfigError
from asyncdl.extras import installing
from asyncdl.outside import size_of_tree

DRIVERS = frozenset(
    {
        "ESRI Shapefile", "ESRIJSON", "FlatGeobuf", "GPKG", "GPX", "GeoJSON", "GeoJSONSeq", "KML",
        "LIBKML", "OpenFileGDB", "TopoJSON",
    }
)  # fmt: skip
"""Formats whose files hold their geometries themselves, by GDAL's names of their drivers.

Formats are left out that name other files or hosts (VRT, MapInfo's seamless tables, GML's
schemas, virtual tables of SQLite) or access a service (WFS, PostgreSQL, HTTP and others).
"""
FORMATS = (
    "a shapefile (also zipped), GeoPackage, GeoJSON, TopoJSON, ESRI JSON, KML, GPX, FlatGeobuf or "
    "a file geodatabase"
)
MAX_FILE_BYTES = 1024**3
"""Longer files are more than an area of interest."""
MAX_FILES = 10_000
"""In a folder that is one file to GDAL, such as a ``.gdb``."""
MEMORY_BYTES = 2 * 1024**3
TIMEOUT_S = 120.0
_SCRIPT = Path(__file__).with_name("gdal_child.py")
_LIST_DRIVERS = "import json, pyogrio; print(json.dumps(list(pyogrio.list_drivers())))"
_PASSED_ON = (
    "APPDATA", "CONDA_PREFIX", "DYLD_LIBRARY_PATH", "GDAL_DATA", "LANG", "LC_ALL",
    "LD_LIBRARY_PATH", "PATH", "PROJ_DATA", "PROJ_LIB", "PYTHONHOME", "PYTHONPATH", "SYSTEMROOT",
    "TEMP", "TMP", "TMPDIR", "USERPROFILE", "VIRTUAL_ENV",
)  # fmt: skip
"""Variables that Python and GDAL need to start; tokens, and settings of GDAL, stay behind."""
_SETTINGS = {
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "none",  # no file over a network, whatever it is called
    "GDAL_CONFIG_FILE": "",
    "GDAL_DRIVER_PATH": "disable",
    "GDAL_HTTP_PROXY": "http://127.0.0.1:0",  # a port that cannot be listened on
    "GDAL_HTTPS_PROXY": "http://127.0.0.1:0",
    "OPENBLAS_NUM_THREADS": "1",  # each would take 32 MB of the memory
    "PROJ_NETWORK": "OFF",
}


def has_gdal() -> bool:
    """Return whether the extra ``[geo]`` is installed."""
    return importlib.util.find_spec("pyogrio") is not None


def as_geojson(path: Path, layer: str | int | None = None) -> bytes:
    """Return the geometries of a file as GeoJSON, reprojected to EPSG:4326. Blocks.

    GDAL itself writes GeoJSON, and reprojects, cuts at the antimeridian and makes
    polygons of curves on the way, so nothing here has to know a geometry.

    Args:
        path: A file, a zipped one, or a folder that GDAL takes for one, such as a ``.gdb``.
        layer: Its name, or its number from 0; may be left out where there is only one.
    Raises: ConfigError, without the extra ``[geo]``, for formats other than
        :data:`FORMATS`, for files that are too large, for a layer that is missing or not given,
        and for coordinates in an unknown reference system.
    """
    if not has_gdal():
        raise ConfigError(
            f"is neither GeoJSON nor WKT; for other formats install GDAL: {installing('geo')}",
            file=path,
        )
    whole = path.expanduser().absolute()
    _check_what_it_is(whole, path)
    return _read_apart(whole, path, layer)


def _check_what_it_is(whole: Path, path: Path) -> None:
    """Refuse anything but a file on a disk, and files that are too large."""
    if str(whole).replace("\\", "/").lower().startswith("/vsi"):
        raise ConfigError("is a virtual file of GDAL", file=path, allowed=FORMATS)
    if not whole.is_file() and not whole.is_dir():
        raise ConfigError("is not a regular file", file=path, allowed=FORMATS)
    size_bytes, files = size_of_tree(whole, MAX_FILES)
    if files > MAX_FILES:
        raise ConfigError(f"has more than {MAX_FILES:,} files in it", file=path, allowed=FORMATS)
    if size_bytes > MAX_FILE_BYTES:
        problem = f"is longer than {MAX_FILE_BYTES:,} bytes; an area of interest is an outline"
        raise ConfigError(problem, file=path, allowed=FORMATS)


def _read_apart(whole: Path, path: Path, layer: str | int | None) -> bytes:
    order = {
        "path": str(whole),
        "layer": layer,
        "drivers": sorted(DRIVERS),
        "memory_bytes": MEMORY_BYTES,
    }
    env = _environment(os.environ) | {"GDAL_SKIP": ",".join(_other_drivers())}
    try:
        reply = _run([str(_SCRIPT)], env, json.dumps(order).encode())
        head, _, body = reply.partition(b"\n")
        problem = json.loads(head)
    except subprocess.TimeoutExpired:
        problem = f"takes GDAL longer than {TIMEOUT_S:.0f} seconds"
        raise ConfigError(problem, file=path, allowed="a simpler area") from None
    except ValueError:
        raise ConfigError("GDAL crashed when it read this", file=path, allowed=FORMATS) from None
    except OSError as error:
        problem = f"GDAL needs a process of its own, and {sys.executable} did not start"
        raise ConfigError(f"{problem}: {error.strerror}", file=path) from error
    if problem:
        raise ConfigError(problem["problem"], file=path, allowed=problem.get("allowed") or FORMATS)
    return body


@cache
def _other_drivers() -> list[str]:
    """Return the other drivers of this GDAL, which depend on how it was built."""
    names = json.loads(_run(["-c", _LIST_DRIVERS], _environment(os.environ)))
    return sorted(set(names) - DRIVERS)


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in _PASSED_ON if name in environ} | _SETTINGS


def _run(arguments: list[str], env: dict[str, str], order: bytes = b"") -> bytes:
    command = [sys.executable, "-P", *arguments]  # -P: no module of the current folder is taken
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    return subprocess.run(
        command,
        input=order,
        env=env,
        stdout=pipe,
        stderr=nowhere,
        timeout=TIMEOUT_S,
        check=False,
    ).stdout
